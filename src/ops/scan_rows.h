#pragma once
/// Runs a row program over one scan task and gives whole record batches, a window of rows at a time.
///
/// When one window covers the task, each column is read to its end before the next is opened. Where windows are smaller, either all columns stay open and
/// advance together, which costs a page and a dictionary of memory a column, or each is opened anew for each window and skipped to its rows, which costs
/// the time of skipping: memory then does not grow with the number of columns.

#include <memory>
#include <optional>
#include <vector>

#include "memory/hand_over_pool.h"
#include "ops/evaluate_rows.h"

namespace millstream {

enum class ColumnAccess : uint8_t { kOneByOne, kSideBySide, kReopened };

class TaskRows {
 public:
  struct Options {
    int64_t window_rows = 0;
    ColumnAccess access = ColumnAccess::kOneByOne;  // kOneByOne: a window must cover the task
    int64_t skipped_rows = 0;                       // of the task, before the first window: so that it begins where one ended
    /// Rows before the task: where all columns are read as flat values, windows end where this and the task's rows up to there are a multiple of window_rows.
    int64_t rows_before = 0;
  };
  /// `pool` is for what the reading needs, output comes from the pool given to Next.
  static Result<std::unique_ptr<TaskRows>> Open(const ScanSource& source, const ScanTask& task, std::shared_ptr<const RowProgram> program,
                                                const Options& options, arrow::MemoryPool* pool);

  struct Window {
    std::shared_ptr<arrow::RecordBatch> batch;
    int64_t input_rows = 0;                       // before the filter
    std::shared_ptr<arrow::Buffer> selected;      // one byte an input row; null when all are kept
  };
  /// The next window's kept rows (maybe none); batch is null at the end. After an error nothing more can be read.
  Result<Window> Next(arrow::MemoryPool* pool);

 private:
  struct OpenColumn {
    std::unique_ptr<FlatColumnReader> flat;
    std::unique_ptr<KeptRowsReader> kept;  // where rows are dropped
    std::unique_ptr<InputReader> arrays;   // where the column is not flat
  };
  TaskRows() = default;
  /// The field of the source whose values are the column, if they can be read as they are; negative: they cannot.
  int FlatField(int column) const;
  Status OpenReader(int column);
  Result<std::shared_ptr<arrow::ArrayData>> ReadColumn(int column, const Window& window, const arrow::Buffer* kept, arrow::MemoryPool* pool);
  Result<std::unique_ptr<InputReader>> OpenArrays(const std::vector<int>& inputs);
  Result<std::shared_ptr<arrow::ArrayData>> ReadFlat(int column, int64_t input_rows, const arrow::Buffer* kept, arrow::MemoryPool* pool);
  Result<std::shared_ptr<arrow::Buffer>> Select(int64_t rows);

  std::unique_ptr<ScanColumns> columns_;
  int64_t first_row_ = 0;  // of the task, in its source
  std::shared_ptr<const RowProgram> program_;
  arrow::MemoryPool* pool_ = nullptr;
  Options options_;
  int64_t row_ = 0;  // of the task
  int64_t rows_left_ = 0;
  std::unique_ptr<InputReader> filter_;
  std::unique_ptr<InputReader> selector_;
  std::vector<OpenColumn> open_;
};

}  // namespace millstream
