#include "exchange/partition_order.h"

#include <algorithm>
#include <bit>

namespace millstream {
namespace {

struct Entry {
  uint64_t key;
  uint32_t position;
};

/// Finds the identity of a position; only rows with equal keys ask.
class Identities {
 public:
  explicit Identities(const PartitionRows& rows) : rows_(rows) {}

  uint64_t Of(uint32_t position) const {
    int64_t begin = 0;
    for (const PartitionPiece& piece : rows_.pieces) {
      if (position < begin + piece.count) return piece.identities.Packed(position - begin);
      begin += piece.count;
    }
    return 0;
  }

  bool Before(const Entry& a, const Entry& b) const {
    if (a.key != b.key) return a.key < b.key;
    return Of(a.position) < Of(b.position);
  }

 private:
  const PartitionRows& rows_;
};

/// Bucket of a key within its partition: the next bits after those that chose the partition.
uint32_t BucketOf(uint64_t key, uint32_t partitions, uint32_t buckets) {
  return PartitionOfKey(key * partitions, buckets);
}

void ComputeKeys(const ShuffleKeys& keys, const PartitionRows& rows, uint64_t* out) {
  KeyMaker maker(keys.epoch);
  for (const PartitionPiece& piece : rows.pieces) {
    maker.Make(piece.identities, piece.count, out);
    out += piece.count;
  }
}

void InsertionSort(Entry* begin, Entry* end, const Identities& identities) {
  for (Entry* next = begin + (begin != end); next < end; ++next) {
    const Entry entry = *next;
    Entry* hole = next;
    while (hole > begin && identities.Before(entry, hole[-1])) {
      *hole = hole[-1];
      --hole;
    }
    *hole = entry;
  }
}

}  // namespace

Result<PartitionOrder> PartitionOrder::Make(const ShuffleKeys& keys, const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) {
  PartitionOrder order;
  order.count_ = rows.count;
  const int64_t count = rows.count;
  ARROW_ASSIGN_OR_RAISE(order.positions_, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint32_t)));
  ARROW_ASSIGN_OR_RAISE(order.keys_, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(uint64_t)));
  ARROW_ASSIGN_OR_RAISE(auto entries_buffer, pool->AllocateOwned(std::max<int64_t>(count, 1) * sizeof(Entry)));
  auto* sorted_keys = reinterpret_cast<uint64_t*>(order.keys_->mutable_data());
  auto* positions = reinterpret_cast<uint32_t*>(order.positions_->mutable_data());
  auto* entries = reinterpret_cast<Entry*>(entries_buffer->mutable_data());

  ComputeKeys(keys, rows, sorted_keys);
  const uint32_t buckets = static_cast<uint32_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(count / 2, 1))));
  ARROW_ASSIGN_OR_RAISE(auto starts_buffer, pool->AllocateOwned((int64_t{buckets} + 1) * sizeof(uint32_t)));
  auto* starts = reinterpret_cast<uint32_t*>(starts_buffer->mutable_data());
  std::fill_n(starts, buckets + 1, 0);
  for (int64_t i = 0; i < count; ++i) ++starts[BucketOf(sorted_keys[i], keys.partitions, buckets) + 1];
  for (uint32_t bucket = 0; bucket < buckets; ++bucket) starts[bucket + 1] += starts[bucket];
  for (int64_t i = 0; i < count; ++i) {
    entries[starts[BucketOf(sorted_keys[i], keys.partitions, buckets)]++] = {sorted_keys[i], static_cast<uint32_t>(i)};
  }
  // Each start now is its bucket's end.
  const Identities identities(rows);
  uint32_t begin = 0;
  for (uint32_t bucket = 0; bucket < buckets; ++bucket) {
    InsertionSort(entries + begin, entries + starts[bucket], identities);
    begin = starts[bucket];
  }
  for (int64_t i = 0; i < count; ++i) {
    positions[i] = entries[i].position;
    sorted_keys[i] = entries[i].key;
  }
  return order;
}

}  // namespace millstream
