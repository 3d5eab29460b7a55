#pragma once
/// The values of a column as JSON text.

#include <arrow/array.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millstream {

/// Text that is passed on in pieces, so that no value, however long, is held twice. Errors stay until somebody asks.
class JsonText {
 public:
  virtual ~JsonText() = default;
  void Append(std::string_view text) {
    if (text.size() > kPieceBytes) return AppendLong(text);
    buffer_.append(text);
    if (buffer_.size() >= kPieceBytes) Flush();
  }
  void Append(char letter) { buffer_.push_back(letter); }
  /// In quotes.
  void AppendQuoted(std::string_view text);
  void Flush();
  const Status& status() const { return status_; }

  static constexpr size_t kPieceBytes = 1 << 20;

 protected:
  virtual Status Write(std::string_view text) = 0;

 private:
  void AppendLong(std::string_view text);

  std::string buffer_;
  Status status_;
};

class JsonColumn {
 public:
  virtual ~JsonColumn() = default;
  void Append(int64_t row, JsonText* out) const {
    if (column_->IsNull(row)) return out->Append("null");
    AppendValue(row, out);
  }

 protected:
  explicit JsonColumn(std::shared_ptr<arrow::Array> column) : column_(std::move(column)) {}
  virtual void AppendValue(int64_t row, JsonText* out) const = 0;

  const std::shared_ptr<arrow::Array> column_;
};

/// Encoded columns are decoded, and temporal ones written out, with memory of `pool`. kType for a type that has no form in JSON.
Result<std::unique_ptr<JsonColumn>> MakeJsonColumn(std::shared_ptr<arrow::Array> column, arrow::MemoryPool* pool);

}  // namespace millstream
