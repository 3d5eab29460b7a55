#pragma once
/// Rows waiting to be drawn at random. One owner at a time; memory that grows with rows comes from the pool.

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "memory/budget_pool.h"

namespace millstream {

/// Keeps rows in chunks of storage form (column/gather.h), and one slot a row that says where it is. Drawing a row takes a random slot and moves the last
/// slot into its place. Once more than half of the rows held have been drawn, the others are rewritten on their own (tried again at the next draw where the
/// pool has no room for that), which comes to at most one more copy a row.
class ShuffleBuffer {
 public:
  ShuffleBuffer(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<BudgetPool> pool, uint64_t seed);

  int64_t rows() const { return slot_count_; }
  /// Copies the batch's rows. kBudget, with nothing added, when the pool refuses.
  Status Add(const arrow::RecordBatch& batch);
  /// Takes `count` (<= rows()) rows, each equally likely; columns come from `out`.
  Result<std::shared_ptr<arrow::RecordBatch>> Draw(int64_t count, arrow::MemoryPool* out);

 private:
  struct Slot {
    uint32_t chunk;
    uint32_t row;
  };
  struct Chunk {
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    int64_t rows = 0;
    int64_t rows_left = 0;
  };
  using Columns = std::vector<std::shared_ptr<arrow::ArrayData>>;

  Slot* slots() { return reinterpret_cast<Slot*>(slots_->mutable_data()); }
  Status ReserveSlots(int64_t count);
  uint32_t PlaceChunk(Columns columns, int64_t rows);
  uint64_t RandomBelow(uint64_t bound);
  /// The rows of these slots, in their order.
  Result<Columns> Collect(const Slot* begin, int64_t count, arrow::MemoryPool* out);
  void Release(const Slot* begin, int64_t count);
  Status Compact();

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<BudgetPool> pool_;  // before what it holds
  std::unique_ptr<arrow::ResizableBuffer> slots_;
  int64_t slot_count_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> free_chunks_;
  std::vector<int64_t> source_of_chunk_;  // scratch of Collect; -1: not used
  int64_t rows_held_ = 0;                 // drawn ones included
  uint64_t seed_;
  uint64_t draws_ = 0;
};

}  // namespace millstream
