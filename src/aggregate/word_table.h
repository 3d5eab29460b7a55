#pragma once
/// Keys of two 64-bit words or more, numbered in the order in which they first come.

#include <array>

#include "aggregate/key_hash.h"
#include "aggregate/slot_table.h"

namespace millstream {

template <int kWords>
class WordTable {
 public:
  WordTable(KeyRepeats repeats, arrow::MemoryPool* pool) : repeats_(repeats), slots_(pool), keys_(pool) {}

  static constexpr int64_t kBlockRows = 256;

  /// numbers[i] = the number of the key keys[i * kWords], for i < count <= kBlockRows. On a refusal nothing has changed.
  Status Number(const uint64_t* keys, int64_t count, uint32_t* numbers) {
    ARROW_RETURN_NOT_OK(ReserveFor(count));
    if (repeats_ == KeyRepeats::kAreNumbered) return NumberEach(keys, count, numbers), Status::OK();
    std::array<uint64_t, kBlockRows> hashes;
    for (int64_t i = 0; i < count; ++i) {
      hashes[i] = HashWords<kWords>(keys + i * kWords);
      slots_.Prefetch(hashes[i]);
    }
    for (int64_t i = 0; i < count; ++i) {
      slots_.PrefetchKeyOf(hashes[i], [&](uint32_t number) { __builtin_prefetch(KeyOf(number)); });
    }
    for (int64_t i = 0; i < count; ++i) numbers[i] = NumberOne(hashes[i], keys + i * kWords);
    return Status::OK();
  }

  /// Forgets the numbers from `count` on.
  void Truncate(int64_t count) {
    for (int64_t last = size() - 1; last >= count && repeats_ == KeyRepeats::kAreOne; --last) {
      const auto number = static_cast<uint32_t>(last);
      slots_.RemoveLast(HashOf(number), number);
    }
    keys_.Truncate(count * kWords);
  }
  void Release() {
    slots_.Release();
    keys_.Release();
  }

  int64_t size() const { return keys_.size() / kWords; }
  int64_t bytes() const { return slots_.bytes() + keys_.bytes(); }
  const uint64_t* KeyOf(uint32_t number) const { return keys_.data() + static_cast<int64_t>(number) * kWords; }
  uint64_t HashOf(uint32_t number) const { return HashWords<kWords>(KeyOf(number)); }

 private:
  Status ReserveFor(int64_t more) {
    ARROW_RETURN_NOT_OK(keys_.Reserve((size() + more) * kWords));
    if (repeats_ == KeyRepeats::kAreNumbered) return SlotTable::CheckCount(size() + more);
    return slots_.Reserve(size() + more, size(), [&](uint32_t number) { return HashOf(number); });
  }

  void NumberEach(const uint64_t* keys, int64_t count, uint32_t* numbers) {
    for (int64_t i = 0; i < count; ++i) {
      numbers[i] = static_cast<uint32_t>(size());
      for (int word = 0; word < kWords; ++word) keys_.Append(keys[i * kWords + word]);
    }
  }

  uint32_t NumberOne(uint64_t hash, const uint64_t* key) {
    const auto next = static_cast<uint32_t>(size());
    const uint32_t number = slots_.FindOrAdd(hash, next, [&](uint32_t other) { return Equal(KeyOf(other), key); });
    if (number == next) {
      for (int i = 0; i < kWords; ++i) keys_.Append(key[i]);
    }
    return number;
  }

  static bool Equal(const uint64_t* left, const uint64_t* right) {
    for (int i = 0; i < kWords; ++i) {
      if (left[i] != right[i]) return false;
    }
    return true;
  }

  const KeyRepeats repeats_;
  SlotTable slots_;
  PoolVector<uint64_t> keys_;
};

}  // namespace millstream
