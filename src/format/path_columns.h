#pragma once
/// A format whose rows have columns that their file's path tells, behind those of the file.

#include <memory>
#include <string>
#include <vector>

#include "format/file_format.h"
#include "format/path_values.h"

namespace millstream {

class PathColumns : public FileFormat {
 public:
  /// `values`: a row a file. Errors as WithFieldsOfPaths.
  static Result<std::shared_ptr<const PathColumns>> Make(std::shared_ptr<const FileFormat> format, std::shared_ptr<arrow::RecordBatch> values);

  const char* reader() const override { return format_->reader(); }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return format_->cuttable(file); }
  bool reads_empty_files() const override { return format_->reads_empty_files(); }
  int64_t rows_guess() const override { return format_->rows_guess(); }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const override;
  Status Write(ByteWriter* out) const override { return format_->Write(out); }

  const FileFormat& format() const { return *format_; }
  const arrow::RecordBatch& values() const { return *values_; }

 private:
  PathColumns(std::shared_ptr<const FileFormat> format, std::shared_ptr<arrow::RecordBatch> values) : format_(std::move(format)), values_(std::move(values)) {}

  const std::shared_ptr<const FileFormat> format_;
  const std::shared_ptr<arrow::RecordBatch> values_;  // a row a file
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace millstream
