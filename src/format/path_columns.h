#pragma once
/// Columns that a file's path tells: the path itself, and values of partitions in the names of its directories.

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/file_format.h"

namespace millstream {

struct Partitioning {
  /// "name=value" directories, anywhere in the path; else each directory is the value of one of `names`, in order.
  bool hive = true;
  std::string base_directory;           // what is before the partitions; empty: the path's beginning
  std::vector<std::string> names;       // with `hive` those that there must be, where any are given
  std::unordered_map<std::string, std::shared_ptr<arrow::DataType>> types;  // of those that are not texts: int64, double, bool
};

struct PathOptions {
  std::optional<Partitioning> partitioning;
  bool include_path = false;            // as the column "path", the last one
};

class PathColumns : public FileFormat {
 public:
  /// kInvalidArgument for a path that does not fit the partitioning, a value that is not of its type, and a column that is in the files too. The format itself where
  /// there are no columns to add.
  static Result<std::shared_ptr<const FileFormat>> Add(std::shared_ptr<const FileFormat> format, const std::vector<ListedFile>& files, const PathOptions& options);
  /// `values`: of each file.
  static Result<std::shared_ptr<const PathColumns>> Make(std::shared_ptr<const FileFormat> format, std::shared_ptr<arrow::RecordBatch> values);

  const char* reader() const override { return format_->reader(); }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return format_->cuttable(file); }
  bool reads_empty_files() const override { return format_->reads_empty_files(); }
  int64_t rows_guess() const override { return format_->rows_guess(); }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool) const override;
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
