#include "exchange/piece_order.h"

#include <algorithm>

namespace millstream {
namespace {

/// Writes each row's partition, dropped rows getting `partitions`, and counts them.
void AssignPartitions(const ShuffleKeys& keys, const PieceRows& rows, uint32_t* partition_of_row, std::vector<uint32_t>* counts) {
  const SourceKey source = MakeSourceKey(keys.epoch, rows.source);
  const uint32_t partitions = keys.count;
  for (int64_t row = 0; row < rows.count; ++row) {
    const uint64_t key = source.KeyOfRow(static_cast<uint64_t>(rows.first_row + row));
    partition_of_row[row] = key < keys.lowest_key ? partitions : keys.PartitionOf(key);
  }
  if (rows.selected != nullptr) {
    const uint8_t* selected = rows.selected->data();
    for (int64_t row = 0; row < rows.count; ++row) partition_of_row[row] = selected[row] ? partition_of_row[row] : partitions;
  }
  for (int64_t row = 0; row < rows.count; ++row) ++(*counts)[partition_of_row[row]];
}

}  // namespace

arrow::Result<PieceOrder> PieceOrder::Make(const ShuffleKeys& keys, const PieceRows& rows, const std::shared_ptr<BudgetPool>& pool) {
  PieceOrder order;
  order.count_ = rows.count;
  ARROW_ASSIGN_OR_RAISE(order.places_, pool->AllocateOwned(std::max<int64_t>(rows.count, 1) * sizeof(uint32_t)));
  auto* places = reinterpret_cast<uint32_t*>(order.places_->mutable_data());

  std::vector<uint32_t> cursors(keys.count + 1, 0);
  AssignPartitions(keys, rows, places, &cursors);
  order.offsets_.resize(keys.count + 1);
  uint32_t next = 0;
  for (uint32_t partition = 0; partition <= keys.count; ++partition) {
    order.offsets_[partition] = next;
    next += std::exchange(cursors[partition], next);
  }
  const uint32_t kept = order.offsets_.back();
  for (int64_t row = 0; row < rows.count; ++row) places[row] = std::min(cursors[places[row]]++, kept);
  return order;
}

arrow::Result<std::shared_ptr<BudgetPool::OwnedBuffer>> PieceOrder::RowOffsets(const std::shared_ptr<BudgetPool>& pool) const {
  ARROW_ASSIGN_OR_RAISE(auto buffer, pool->AllocateOwned((kept() + 1) * sizeof(uint32_t)));
  auto* offsets = reinterpret_cast<uint32_t*>(buffer->mutable_data());
  const uint32_t* place = places();
  for (int64_t row = 0; row < count_; ++row) offsets[place[row]] = static_cast<uint32_t>(row);
  return buffer;
}

}  // namespace millstream
