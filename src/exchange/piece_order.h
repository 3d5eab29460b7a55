#pragma once
/// Where each row of a piece goes: its partition and its place in the partition-grouped piece.
///
/// A piece is a contiguous run of one source's rows that a lane scatters together, column by column. Rows that the filter or a resume
/// leaves out get the place `kept`, one behind the last: a scatter may write them there (a trash slot) instead of branching.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "exchange/partition_rows.h"
#include "memory/budget_pool.h"

namespace millstream {

/// What fixes an order: the key of the epoch, and for a resume the lowest key still wanted.
/// `partitions` are all there are; an exchange may hold only `count` of them, from `first` on: the second pass of a two-pass shuffle does.
struct ShuffleKeys {
  EpochKey epoch;
  uint32_t partitions = 1;
  uint64_t lowest_key = 0;
  uint32_t first = 0;
  uint32_t count = 1;

  static ShuffleKeys All(const EpochKey& epoch, uint32_t partitions, uint64_t lowest_key) { return {epoch, partitions, lowest_key, 0, partitions}; }
  /// Counted from `first`.
  uint32_t PartitionOf(uint64_t key) const { return PartitionOfKey(key, partitions) - first; }
};

/// Rows [first_row, first_row + count) of a source; `selected` (one byte a row, nonzero = kept) may be null.
struct PieceRows {
  uint32_t source = 0;
  int64_t first_row = 0;
  int64_t count = 0;
  std::shared_ptr<arrow::Buffer> selected;
};

class PieceOrder {
 public:
  /// Computes keys, partitions and places. Costs about 4 ns a row; the result holds 4 bytes a row from `pool`.
  static arrow::Result<PieceOrder> Make(const ShuffleKeys& keys, const PieceRows& rows, const std::shared_ptr<BudgetPool>& pool);
  /// The same where `assign` writes each row's partition, `partitions` for a row that is dropped.
  template <typename Assign>
  static arrow::Result<PieceOrder> MakeBy(int64_t count, uint32_t partitions, const std::shared_ptr<BudgetPool>& pool, Assign&& assign) {
    ARROW_ASSIGN_OR_RAISE(PieceOrder order, Unplaced(count, pool));
    ARROW_RETURN_NOT_OK(assign(order.mutable_places()));
    order.Place(partitions);
    return order;
  }
  /// The same for rows taken up from a store, in their order there; costs about 8 ns a row.
  static arrow::Result<PieceOrder> Make(const ShuffleKeys& keys, const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool);

  /// Place of each of the piece's rows, dropped ones at kept().
  const uint32_t* places() const { return reinterpret_cast<const uint32_t*>(places_->data()); }
  /// offsets()[p] .. offsets()[p + 1] are the places of partition p.
  const std::vector<uint32_t>& offsets() const { return offsets_; }
  int64_t count() const { return count_; }
  int64_t kept() const { return offsets_.back(); }

  /// Index in the piece of the row at each place (4 bytes a kept row): for a scanned piece its identities in the grouped piece.
  arrow::Result<std::shared_ptr<BudgetPool::OwnedBuffer>> RowOffsets(const std::shared_ptr<BudgetPool>& pool) const;

 private:
  static arrow::Result<PieceOrder> Unplaced(int64_t count, const std::shared_ptr<BudgetPool>& pool);
  /// From each row's partition to its place.
  void Place(uint32_t partitions);
  uint32_t* mutable_places() { return reinterpret_cast<uint32_t*>(places_->mutable_data()); }

  std::shared_ptr<BudgetPool::OwnedBuffer> places_;
  std::vector<uint32_t> offsets_;
  int64_t count_ = 0;
};

}  // namespace millstream
