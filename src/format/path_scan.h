#pragma once
/// A source whose rows have columns that their file's path tells, behind those of the file: constants of each file.

#include <memory>

#include "format/path_values.h"
#include "ops/scan_columns.h"

namespace millstream {

class PathScan : public ScanSource {
 public:
  /// `values`: a row for each of the source's files. Errors as WithFieldsOfPaths.
  static Result<std::shared_ptr<const PathScan>> Make(std::shared_ptr<const ScanSource> files, std::shared_ptr<arrow::RecordBatch> values);

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  const std::vector<ScanTask>& tasks() const override { return files_->tasks(); }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override;
  ScanSizes sizes() const override;
  /// What the filter says of the path's columns is decided here, whatever the file.
  bool MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const override;
  bool cuttable() const override { return files_->cuttable(); }

  const arrow::RecordBatch& values() const { return *values_; }

 private:
  PathScan(std::shared_ptr<const ScanSource> files, std::shared_ptr<arrow::RecordBatch> values) : files_(std::move(files)), values_(std::move(values)) {}

  const std::shared_ptr<const ScanSource> files_;
  const std::shared_ptr<arrow::RecordBatch> values_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace millstream
