#include "format/file_ranges.h"

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>

#include <algorithm>

#include "ops/table_source.h"

namespace millstream {
namespace {

/// The ranges of each file one after the other, as a table source; its tasks are of the files.
class FileRanges : public ScanSource {
 public:
  FileRanges(std::shared_ptr<const ScanSource> table, std::shared_ptr<arrow::RecordBatch> all, std::vector<ScanTask> tasks, std::vector<int64_t> first_rows)
      : table_(std::move(table)), all_(std::move(all)), tasks_(std::move(tasks)), first_rows_(std::move(first_rows)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return table_->schema(); }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override {
    return table_->Open({0, 0, first_rows_[task.source] + task.first_row, task.rows}, pool);
  }
  bool cuttable() const override { return true; }
  std::shared_ptr<arrow::RecordBatch> RangeOf(size_t task) const { return all_->Slice(static_cast<int64_t>(task), 1); }

 private:
  const std::shared_ptr<const ScanSource> table_;
  const std::shared_ptr<arrow::RecordBatch> all_;  // a row a task
  const std::vector<ScanTask> tasks_;
  const std::vector<int64_t> first_rows_;  // of each file, in the table
};

}  // namespace

Result<std::shared_ptr<const ScanSource>> MakeFileRanges(const std::vector<ListedFile>& files, const FileFormat& format) {
  arrow::Int64Builder begins, ends;
  std::vector<ScanTask> tasks;
  std::vector<int64_t> first_rows;
  for (uint32_t file = 0; file < files.size(); ++file) {
    const int64_t size = files[file].size_bytes;
    first_rows.push_back(begins.length());
    const int64_t step = format.cuttable(file) ? kRangeBytes : std::max<int64_t>(size, 1);
    for (int64_t begin = 0; begin < size || (begin == 0 && format.reads_empty_files()); begin += step) {
      ARROW_RETURN_NOT_OK(begins.Append(begin));
      ARROW_RETURN_NOT_OK(ends.Append(std::min(begin + step, size)));
      tasks.push_back({file, 0, begin / step, 1});
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto begin_column, begins.Finish());
  ARROW_ASSIGN_OR_RAISE(auto end_column, ends.Finish());
  auto schema = arrow::schema({arrow::field("begin", arrow::int64(), false), arrow::field("end", arrow::int64(), false)});
  const int64_t rows = begin_column->length();
  auto batch = arrow::RecordBatch::Make(schema, rows, {std::move(begin_column), std::move(end_column)});
  ARROW_ASSIGN_OR_RAISE(auto table, MakeTableSource(std::move(schema), {batch}));
  return std::make_shared<FileRanges>(std::move(table), std::move(batch), std::move(tasks), std::move(first_rows));
}

bool IsFileRanges(const ScanSource& source) { return dynamic_cast<const FileRanges*>(&source) != nullptr; }

std::shared_ptr<arrow::RecordBatch> RangeOfTask(const ScanSource& ranges, size_t task) { return static_cast<const FileRanges&>(ranges).RangeOf(task); }

FileRange RangeOfRow(const arrow::RecordBatch& batch, int64_t row, uint32_t file) {
  const auto value = [&](int column) { return static_cast<const arrow::Int64Array&>(*batch.column(column)).Value(row); };
  return {file, value(0), value(1)};
}

}  // namespace millstream
