#pragma once
/// Keys of any number of bytes, numbered in the order in which they first come.

#include <string_view>

#include "aggregate/key_hash.h"
#include "aggregate/slot_table.h"

namespace millstream {

class ByteTable {
 public:
  ByteTable(KeyRepeats repeats, arrow::MemoryPool* pool) : repeats_(repeats), slots_(pool), hashes_(pool), ends_(pool), bytes_(pool) {}

  static constexpr int64_t kBlockRows = 256;

  /// numbers[i] = the number of the key keys[ends[i - 1], ends[i]), for i < count <= kBlockRows; ends[-1] is there. On a refusal nothing has changed.
  Status Number(const uint8_t* keys, const int64_t* ends, int64_t count, uint32_t* numbers);

  /// Forgets the numbers from `count` on.
  void Truncate(int64_t count);
  void Release();

  int64_t size() const { return ends_.size(); }
  int64_t bytes() const { return slots_.bytes() + hashes_.bytes() + ends_.bytes() + bytes_.bytes(); }
  std::string_view KeyOf(uint32_t number) const {
    const int64_t begin = number == 0 ? 0 : ends_[number - 1];
    return {reinterpret_cast<const char*>(bytes_.data()) + begin, static_cast<size_t>(ends_[number] - begin)};
  }
  uint64_t HashOf(uint32_t number) const { return hashes_[number]; }

 private:
  Status ReserveFor(int64_t keys, int64_t key_bytes);
  uint32_t NumberOne(uint64_t hash, std::string_view key);
  void Append(std::string_view key);

  const KeyRepeats repeats_;
  SlotTable slots_;
  PoolVector<uint64_t> hashes_;  // none where repeats are numbered
  PoolVector<int64_t> ends_;
  PoolVector<uint8_t> bytes_;
};

}  // namespace millstream
