#pragma once
/// A set of Parquet files as one scan source: their footers, unified schema and row groups.

#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "format/bad_data.h"
#include "format/list_files.h"
#include "format/parquet/footer_cache.h"
#include "format/parquet/row_group_columns.h"
#include "millstream/read_limits.h"
#include "ops/scan_columns.h"
#include "task/scheduler.h"

namespace millstream {

struct RowGroupSummary {
  int64_t rows;
  int64_t bytes;  // total_byte_size of the footer: uncompressed, encoded
};

class ParquetDataset : public ScanSource {
 public:
  /// Reads every footer, on the lanes of `scheduler` where there is one. Schemas are unified as unify_schemas.h says.
  /// kCorruptData for what is not Parquet, kInvalidArgument for a file whose size is not the listed one any more; of several bad files the first is named.
  /// `left_out`: other files, that were.
  static Result<std::shared_ptr<const ParquetDataset>> Make(std::shared_ptr<Env> env, std::vector<ListedFile> files, Scheduler* scheduler = nullptr,
                                                            BadFiles* bad = nullptr, std::vector<BadPart> left_out = {}, const ReadLimits& limits = {});

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override;
  bool MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const override;

  ScanSizes sizes() const override { return sizes_; }

  const std::vector<ListedFile>& files() const { return files_; }
  const std::vector<BadPart>& left_out() const { return left_out_; }
  const ReadLimits& limits() const { return limits_; }
  const std::vector<std::vector<RowGroupSummary>>& row_groups() const { return row_groups_; }
  int64_t num_rows() const;

 private:
  struct FileSummary;
  Status ReadFile(uint32_t ordinal, FileSummary* out) const;
  Status Assemble(const std::vector<FileSummary>& summaries, BadFiles* bad);
  void AddSizes(const FileSummary& file);
  /// What comes behind the task, as far as its footers are known; of others the footers are told to be read.
  std::vector<RowGroupToCome> ToCome(const ScanTask& task) const;
  void TellFooter(uint32_t ordinal) const;
  Result<std::shared_ptr<parquet::FileMetaData>> Footer(uint32_t ordinal, const std::shared_ptr<arrow::io::RandomAccessFile>& file) const;

  std::shared_ptr<Env> env_;
  std::vector<ListedFile> files_;
  std::vector<BadPart> left_out_;
  ReadLimits limits_;
  std::vector<std::vector<RowGroupSummary>> row_groups_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<ScanTask> tasks_;
  ScanSizes sizes_;
  mutable FooterCache footers_;
};

}  // namespace millstream
