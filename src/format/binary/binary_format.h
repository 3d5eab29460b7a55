#pragma once
/// Files of any kind: a row a file, its bytes.

#include <memory>
#include <vector>

#include "format/file_format.h"

namespace millstream {

class BinaryFormat : public FileFormat {
 public:
  BinaryFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files) : env_(std::move(env)), files_(std::move(files)) {}
  /// What Write wrote.
  static Result<std::shared_ptr<const BinaryFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader*) {
    return std::make_shared<const BinaryFormat>(std::move(env), std::move(files));
  }

  static constexpr const char* kReader = "ReadBinary";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t) const override { return false; }
  bool reads_empty_files() const override { return true; }
  int64_t rows_guess() const override { return static_cast<int64_t>(files_->size()); }
  /// kInvalidArgument for a file that is larger than a value can be.
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Status Write(ByteWriter*) const override { return Status::OK(); }

 private:
  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("bytes", arrow::binary())});
};

}  // namespace millstream
