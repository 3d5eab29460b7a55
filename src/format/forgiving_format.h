#pragma once
/// A format whose bad files and rows are passed over, as its options say.
///
/// Of a file that turns out to be bad while it is read, the rows before that place stay, and the rest of the range is left out: of a file that is not cut in ranges the rest
/// of it. So what comes depends on the files alone.

#include <memory>
#include <string>
#include <vector>

#include "format/file_format.h"

namespace millstream {

class ForgivingFormat : public FileFormat {
 public:
  ForgivingFormat(std::shared_ptr<const FileFormat> format, BadData bad_data) : format_(std::move(format)), bad_data_(std::move(bad_data)) {}

  const char* reader() const override { return format_->reader(); }
  const std::shared_ptr<arrow::Schema>& schema() const override { return format_->schema(); }
  bool cuttable(uint32_t file) const override { return format_->cuttable(file); }
  bool reads_empty_files() const override { return format_->reads_empty_files(); }
  int64_t rows_guess() const override { return format_->rows_guess(); }
  /// `bad` must be there.
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  // Columns are not selected: which rows are bad must not depend on those that are used.
  const BadData* bad_data() const override { return &bad_data_; }
  Status Write(ByteWriter* out) const override { return format_->Write(out); }

  const FileFormat& format() const { return *format_; }

 private:
  const std::shared_ptr<const FileFormat> format_;
  const BadData bad_data_;
};

/// A BadData inside a plan that travels; null where there is none.
Status WriteBadData(const BadData* bad_data, ByteWriter* out);
Result<std::unique_ptr<BadData>> ReadBadData(ByteReader* in);

}  // namespace millstream
