#pragma once
/// The write phase over rows that another store holds decoded: those of the epoch before, or of one coarse partition. Nothing is decoded again, and values
/// keep the narrow form they were stored in.

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "exchange/shuffle_store.h"
#include "exec/scatter_lane.h"
#include "exec/shuffle_lane.h"

namespace millstream {

/// Hands chunks of a store out to lanes, each once.
class ChunkCursor {
 public:
  ChunkCursor(ShuffleStore* store, std::vector<StoredChunk> chunks) : store_(store), chunks_(std::move(chunks)) {}
  const std::vector<StoredChunk>& chunks() const { return chunks_; }
  const StoredChunk* Take() {
    const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
    return index < chunks_.size() ? &chunks_[index] : nullptr;
  }
  ShuffleStore* store() const { return store_; }

 private:
  ShuffleStore* store_;
  const std::vector<StoredChunk> chunks_;
  std::atomic<size_t> next_{0};
};

class RescatterLane : public ShuffleLane {
 public:
  struct Shared {
    ChunkCursor* cursor;
    ShuffleStore* store;  // where rows go
    bool discard;         // chunks are not needed once they have been moved
    StageStatistics* input_statistics;
    StageStatistics* shuffle_statistics;  // counts the rows moved; may be null
  };

  /// `pools.scan` holds a chunk while it is moved; its floor is raised to what that takes.
  RescatterLane(const Shared& shared, uint32_t lane, const ScatterLane::Pools& pools);

  /// What it takes to move a row beside its chunk where rows are sorted: who it is and where it goes, and either what orders it or a column, twice.
  static int64_t SortedRowBytes(int64_t column_row_bytes, int64_t order_row_bytes);

  /// Sets the lanes' floors to what the largest chunk takes, `scatter_floor` at least for the rows that are moved. Gives the number of lanes that this leaves;
  /// kBudget where it is none.
  static Result<int> SetFloors(const ChunkCursor& cursor, const std::vector<ScatterLane::Pools>& lanes, int64_t scatter_floor);

  Result<LaneStep> Step(const Waker& waker) override;
  int64_t NextStepBytes() const override { return pool_->ledger()->floor_bytes(); }

 private:
  Status OpenChunk();
  Status MakeRoom();
  Status MoveColumn(int column);
  void EndChunk();

  Shared shared_;
  std::shared_ptr<BudgetPool> pool_;
  const int64_t floor_bytes_;
  ShuffleWriter writer_;
  const StoredChunk* chunk_ = nullptr;
  PartitionRows rows_;
  std::optional<PieceOrder> order_;
  size_t piece_ = 0;
  int next_column_ = 0;
};

}  // namespace millstream
