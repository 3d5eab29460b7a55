#pragma once
/// The write phase of one lane: takes scan tasks and scatters their columns, one at a time, into the shuffle.

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "exchange/shuffle_store.h"
#include "exec/shuffle_lane.h"
#include "exec/stage_statistics.h"
#include "ops/row_program.h"
#include "ops/scan_columns.h"

namespace millstream {

/// How a column is held in the exchange: value = base + (width-byte unsigned integer).
struct FlatEncoding {
  int width;
  int64_t base;
};
FlatEncoding EncodingOf(const ScanColumns& columns, int field, int flat_width);

/// The field that an output column takes its flat values from as they are; -1 where it is moved as arrays.
int FlatFieldOf(const ScanColumns& columns, const RowProgram& program, int column);

/// Hands scan tasks out to lanes, each once, in order.
class ScanCursor {
 public:
  explicit ScanCursor(const std::vector<ScanTask>* tasks) : tasks_(tasks) {}
  const ScanTask* Take() {
    const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
    return index < tasks_->size() ? &(*tasks_)[index] : nullptr;
  }

 private:
  const std::vector<ScanTask>* tasks_;
  std::atomic<size_t> next_{0};
};

class ScatterLane : public ShuffleLane {
 public:
  struct Shared {
    std::shared_ptr<const ScanSource> source;
    std::shared_ptr<const RowProgram> program;
    ShuffleStore* store;
    ScanCursor* cursor;
    StageStatistics* scan_statistics;
    StageStatistics* shuffle_statistics;
    int64_t piece_rows;
    bool side_by_side;  // columns are read through small buffers
  };

  /// A lane's own memory: for decoding, for the rows that are kept, for spilling them.
  struct Pools {
    std::shared_ptr<BudgetPool> scan;
    std::shared_ptr<BudgetPool> scatter;
    std::shared_ptr<BudgetPool> spill;
  };

  ScatterLane(const Shared& shared, uint32_t lane, const Pools& pools);

  Result<LaneStep> Step(const Waker& waker) override;
  int64_t NextStepBytes() const override;

 private:
  Status OpenTask(const ScanTask& task);
  /// Evaluates the filter of each piece; `selected` per piece, null where all rows stay.
  Status SelectRows(std::vector<PieceRows>* pieces);
  Status BeginPieces(std::vector<PieceRows> pieces);
  Status MoveColumn(int column);
  /// What moving the column needs at one time beyond what is held already.
  int64_t StepBytes(int column) const;
  Status MoveFlat(int column, int field);
  Status MoveArrays(int column);
  /// The column of the program's output for the batch, which begins with this row of the task's source.
  Result<std::shared_ptr<arrow::ArrayData>> Evaluated(int column, const arrow::RecordBatch& batch, int64_t first_row);
  Status AddBatch(size_t piece, int column, const arrow::RecordBatch& batch);

  Shared shared_;
  std::shared_ptr<BudgetPool> pool_;
  ShuffleWriter writer_;
  const ScanTask* task_ = nullptr;
  std::unique_ptr<ScanColumns> columns_;
  std::vector<PieceOrder> orders_;
  std::vector<size_t> piece_index_;
  int next_column_ = 0;
  std::shared_ptr<OwnedBuffer> values_scratch_;
  std::shared_ptr<OwnedBuffer> valid_scratch_;
};

}  // namespace millstream
