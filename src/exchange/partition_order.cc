#include "exchange/partition_order.h"

#include <algorithm>
#include <bit>

namespace millstream {
namespace {

/// Who a position's row is; only rows with equal keys ask.
uint64_t IdentityOf(const PartitionRows& rows, int64_t position) {
  for (const PartitionPiece& piece : rows.pieces) {
    if (position < piece.count) return piece.identities.Packed(position);
    position -= piece.count;
  }
  return 0;
}

/// Positions in a few low bits of a word, above them the leading bits of where the key lies within its partition: words are in the order of their keys,
/// and equal bits, for one pair in millions, are looked at again.
class KeyWords {
 public:
  KeyWords(uint32_t partitions, const uint64_t* keys, int64_t count)
      : partitions_(partitions), keys_(keys), position_mask_(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(count, 1))) - 1) {}

  uint64_t Of(int64_t position) const { return (keys_[position] * partitions_ & ~position_mask_) | static_cast<uint64_t>(position); }
  uint32_t PositionOf(uint64_t word) const { return static_cast<uint32_t>(word & position_mask_); }
  bool MayBeEqual(uint64_t a, uint64_t b) const { return (a ^ b) <= position_mask_; }

 private:
  const uint64_t partitions_;
  const uint64_t* const keys_;
  const uint64_t position_mask_;
};

/// For words that are nearly in order.
void InsertionSort(uint64_t* words, int64_t count) {
  for (int64_t next = 1; next < count; ++next) {
    const uint64_t word = words[next];
    int64_t hole = next;
    for (; hole > 0 && word < words[hole - 1]; --hole) words[hole] = words[hole - 1];
    words[hole] = word;
  }
}

}  // namespace

Result<PartitionOrder> PartitionOrder::Make(const ShuffleKeys& keys, const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) {
  PartitionOrder order;
  order.count_ = rows.count;
  const int64_t count = rows.count;
  // On average a row a bucket, so that few words move when buckets are put into order.
  const uint64_t buckets = std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(count, 2)));
  const int shift = std::countl_zero(buckets) + 1;
  ARROW_ASSIGN_OR_RAISE(order.positions_, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint32_t)));
  ARROW_ASSIGN_OR_RAISE(order.keys_, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint64_t)));
  ARROW_ASSIGN_OR_RAISE(auto words_buffer, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint64_t)));
  ARROW_ASSIGN_OR_RAISE(auto starts_buffer, pool->AllocateOwned(static_cast<int64_t>(buckets + 1) * sizeof(uint32_t)));
  auto* row_keys = reinterpret_cast<uint64_t*>(order.keys_->mutable_data());
  auto* positions = reinterpret_cast<uint32_t*>(order.positions_->mutable_data());
  auto* words = reinterpret_cast<uint64_t*>(words_buffer->mutable_data());
  auto* starts = reinterpret_cast<uint32_t*>(starts_buffer->mutable_data());

  KeyMaker maker(keys.epoch);
  uint64_t* made = row_keys;
  for (const PartitionPiece& piece : rows.pieces) {
    maker.Make(piece.identities, piece.count, made);
    made += piece.count;
  }
  std::fill_n(starts, buckets + 1, 0);
  for (int64_t row = 0; row < count; ++row) ++starts[(row_keys[row] * keys.partitions >> shift) + 1];
  for (uint64_t bucket = 0; bucket < buckets; ++bucket) starts[bucket + 1] += starts[bucket];
  const KeyWords word_of(keys.partitions, row_keys, count);
  for (int64_t row = 0; row < count; ++row) words[starts[row_keys[row] * keys.partitions >> shift]++] = word_of.Of(row);
  InsertionSort(words, count);
  for (int64_t row = 0; row < count; ++row) positions[row] = word_of.PositionOf(words[row]);
  for (int64_t row = 1; row < count; ++row) {
    if (word_of.MayBeEqual(words[row - 1], words[row])) order.SortEqualWords(rows, row);
  }
  return order;
}

Result<PartitionOrder> PartitionOrder::Unkeyed(int64_t count, const std::shared_ptr<BudgetPool>& pool) {
  PartitionOrder order;
  order.count_ = count;
  ARROW_ASSIGN_OR_RAISE(order.positions_, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint32_t)));
  return order;
}

/// Puts the row into its place among those before it, by all of its key and who it is.
void PartitionOrder::SortEqualWords(const PartitionRows& rows, int64_t row) {
  auto* positions = reinterpret_cast<uint32_t*>(positions_->mutable_data());
  const auto* keys = reinterpret_cast<const uint64_t*>(keys_->data());
  const uint32_t position = positions[row];
  const auto before = [&](uint32_t other) {
    if (keys[position] != keys[other]) return keys[position] < keys[other];
    return IdentityOf(rows, position) < IdentityOf(rows, other);
  };
  for (; row > 0 && before(positions[row - 1]); --row) positions[row] = positions[row - 1];
  positions[row] = position;
}

}  // namespace millstream
