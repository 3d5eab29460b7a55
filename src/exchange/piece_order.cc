#include "exchange/piece_order.h"

#include <algorithm>

namespace millstream {
namespace {

uint32_t PartitionOrNone(const ShuffleKeys& keys, uint64_t key) { return key < keys.lowest_key ? keys.count : keys.PartitionOf(key); }

/// Writes each row's partition, dropped rows getting `keys.count`.
void AssignPartitions(const ShuffleKeys& keys, const PieceRows& rows, uint32_t* partition_of_row) {
  const SourceKey source = MakeSourceKey(keys.epoch, rows.source);
  for (int64_t row = 0; row < rows.count; ++row) {
    partition_of_row[row] = PartitionOrNone(keys, source.KeyOfRow(static_cast<uint64_t>(rows.first_row + row)));
  }
  if (rows.selected == nullptr) return;
  const uint8_t* selected = rows.selected->data();
  for (int64_t row = 0; row < rows.count; ++row) partition_of_row[row] = selected[row] ? partition_of_row[row] : keys.count;
}

void AssignPartitions(const ShuffleKeys& keys, const PartitionRows& rows, uint32_t* partition_of_row) {
  constexpr int64_t kKeysAtATime = 1024;
  uint64_t row_keys[kKeysAtATime];
  KeyMaker maker(keys.epoch);
  for (const PartitionPiece& piece : rows.pieces) {
    for (int64_t begin = 0; begin < piece.count; begin += kKeysAtATime) {
      const int64_t count = std::min(kKeysAtATime, piece.count - begin);
      maker.Make(piece.identities.From(begin), count, row_keys);
      for (int64_t row = 0; row < count; ++row) *partition_of_row++ = PartitionOrNone(keys, row_keys[row]);
    }
  }
}

}  // namespace

arrow::Result<PieceOrder> PieceOrder::Unplaced(int64_t count, const std::shared_ptr<BudgetPool>& pool) {
  PieceOrder order;
  order.count_ = count;
  ARROW_ASSIGN_OR_RAISE(order.places_, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint32_t)));
  return order;
}

arrow::Result<PieceOrder> PieceOrder::Make(const ShuffleKeys& keys, const PieceRows& rows, const std::shared_ptr<BudgetPool>& pool) {
  ARROW_ASSIGN_OR_RAISE(PieceOrder order, Unplaced(rows.count, pool));
  AssignPartitions(keys, rows, order.mutable_places());
  order.Place(keys.count);
  return order;
}

arrow::Result<PieceOrder> PieceOrder::Make(const ShuffleKeys& keys, const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) {
  ARROW_ASSIGN_OR_RAISE(PieceOrder order, Unplaced(rows.count, pool));
  AssignPartitions(keys, rows, order.mutable_places());
  order.Place(keys.count);
  return order;
}

void PieceOrder::Place(uint32_t partitions) {
  uint32_t* places = mutable_places();
  std::vector<uint32_t> cursors(partitions + 1, 0);
  for (int64_t row = 0; row < count_; ++row) ++cursors[places[row]];
  offsets_.resize(partitions + 1);
  uint32_t next = 0;
  for (uint32_t partition = 0; partition <= partitions; ++partition) {
    offsets_[partition] = next;
    next += std::exchange(cursors[partition], next);
  }
  const uint32_t kept = offsets_.back();
  for (int64_t row = 0; row < count_; ++row) places[row] = std::min(cursors[places[row]]++, kept);
}

arrow::Result<std::shared_ptr<BudgetPool::OwnedBuffer>> PieceOrder::RowOffsets(const std::shared_ptr<BudgetPool>& pool) const {
  ARROW_ASSIGN_OR_RAISE(auto buffer, pool->AllocateOwned((kept() + 1) * sizeof(uint32_t)));
  auto* offsets = reinterpret_cast<uint32_t*>(buffer->mutable_data());
  const uint32_t* place = places();
  for (int64_t row = 0; row < count_; ++row) offsets[place[row]] = static_cast<uint32_t>(row);
  return buffer;
}

}  // namespace millstream
