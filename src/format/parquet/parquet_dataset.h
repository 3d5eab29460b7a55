#pragma once
/// A set of Parquet files as one scan source: their listing, footers, unified schema and row groups.

#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "ops/scan_columns.h"

namespace millstream {

/// A file of the listing; `relative` is its path below the root it was found under, which is what a moved data set keeps.
struct ListedFile {
  std::string path;
  std::string relative;
  int64_t size_bytes = 0;
};

/// Expands files, directories (recursively; names starting with '.' or '_' are skipped) and globs (* ? [..] in any component), sorted by path within each.
/// kFileNotFound for a path that matches nothing, kInvalidArgument for a directory with no file ending in `extension`.
Result<std::vector<ListedFile>> ListFiles(Env& env, const std::vector<std::string>& paths, const std::string& extension);

struct RowGroupSummary {
  int64_t rows;
  int64_t bytes;  // total_byte_size of the footer: uncompressed, encoded
  ScanSizes sizes;
};

class ParquetDataset : public ScanSource {
 public:
  /// Reads every footer. Files without a column of the others give nulls for it; integer and float columns of different width are brought to the wider
  /// type; any other difference is a kInvalidArgument error that names file and column.
  static Result<std::shared_ptr<const ParquetDataset>> Make(std::shared_ptr<Env> env, std::vector<ListedFile> files);

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override;

  ScanSizes sizes() const override;

  const std::vector<ListedFile>& files() const { return files_; }
  const std::vector<std::vector<RowGroupSummary>>& row_groups() const { return row_groups_; }
  int64_t num_rows() const;

 private:
  std::shared_ptr<Env> env_;
  std::vector<ListedFile> files_;
  std::vector<std::vector<RowGroupSummary>> row_groups_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<ScanTask> tasks_;
};

}  // namespace millstream
