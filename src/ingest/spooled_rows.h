#pragma once
/// Rows of a stream on disk, in the order in which they came, to be read back once.
///
///   auto rows = std::make_shared<SpooledRows>(engine, pool, frame_bytes, "Join, left rows");
///   stream = SpoolStream(*engine, std::move(stream), rows);   // gives the same batches; once it has ended all of them are there
///   ARROW_ASSIGN_OR_RAISE(auto batch, rows->Next());          // null at the end

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "exec/engine.h"
#include "exec/polled_stream.h"

namespace millstream {

/// One caller at a time.
class SpooledRows {
 public:
  /// Rows are written, and read back, about `frame_bytes` at a time, in memory of `pool`.
  SpooledRows(std::shared_ptr<Engine> engine, std::shared_ptr<BudgetPool> pool, int64_t frame_bytes, std::string stage_name)
      : engine_(std::move(engine)), pool_(std::move(pool)), frame_bytes_(frame_bytes), statistics_(std::move(stage_name)) {}

  Status Append(const std::shared_ptr<arrow::RecordBatch>& batch);
  /// No more are appended. `schema`: where there was no batch; null where nobody knows it, which means no columns.
  Status EndWriting(const std::shared_ptr<arrow::Schema>& schema);

  /// Once writing has ended.
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// The next rows, in memory that is charged as long as they are held. Null at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next();
  /// Frees disk and memory.
  void Close();
  const StageStatistics& statistics() const { return statistics_; }

 private:
  struct Frame {
    FrameLocation location;
    int64_t rows;
  };
  Status Open();
  Status WriteFrame();

  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<BudgetPool> pool_;
  const int64_t frame_bytes_;
  StageStatistics statistics_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> pending_;  // of the next frame
  int64_t pending_bytes_ = 0;
  std::shared_ptr<SpillArea> area_;
  std::unique_ptr<RunWriter> writer_;
  std::vector<Frame> frames_;
  size_t next_ = 0;
};

PolledStreamPtr SpoolStream(const Engine& engine, PolledStreamPtr input, std::shared_ptr<SpooledRows> rows);

}  // namespace millstream
