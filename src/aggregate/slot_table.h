#pragma once
/// Where in a hash table a number (of a group) stands: open addressing with linear probing over slots of 8 bytes, each the number and the upper half of
/// its hash. What a number's key is, and whether two keys are equal, is for the owner to say.

#include <bit>
#include <cstdint>

#include "aggregate/pool_vector.h"

namespace millstream {

/// Whether a key that comes again has the number that it has, or one more.
enum class KeyRepeats : uint8_t { kAreOne, kAreNumbered };

class SlotTable {
 public:
  static constexpr int64_t kNumbersMax = UINT32_MAX - 1;

  explicit SlotTable(arrow::MemoryPool* pool) : slots_(pool) {}

  static Status CheckCount(int64_t count) {
    if (count <= kNumbersMax) return Status::OK();
    return MakeError(ErrorKind::kInvalidArgument, "more than 4294967294 groups or values in one table; aggregate in more partitions");
  }

  /// What Reserve makes.
  static int64_t SlotsFor(int64_t count) { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(count * 10 / 7 + 1, 64)))); }
  bool HasRoomFor(int64_t count) const { return count * 10 <= slots_.size() * 7; }
  /// Room for numbers up to `count`, at most seven in ten slots taken. `hash_of(number)` gives the hashes of the `held` that are there. On a refusal nothing has changed.
  template <typename HashOf>
  Status Reserve(int64_t count, int64_t held, HashOf hash_of) {
    ARROW_RETURN_NOT_OK(CheckCount(count));
    if (HasRoomFor(count)) return Status::OK();
    SlotTable larger(pool());
    ARROW_RETURN_NOT_OK(larger.slots_.Grow(SlotsFor(count), 0));
    for (int64_t number = 0; number < held; ++number) larger.Add(hash_of(static_cast<uint32_t>(number)), static_cast<uint32_t>(number));
    slots_ = std::move(larger.slots_);
    return Status::OK();
  }

  void Prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[At(hash)]); }
  /// Calls `prefetch(number)` for the number whose key `hash` would be compared with first.
  template <typename PrefetchKey>
  void PrefetchKeyOf(uint64_t hash, PrefetchKey prefetch) const {
    const uint64_t slot = slots_[At(hash)];
    if (slot != 0) prefetch(NumberIn(slot));
  }

  /// The number with that hash for which `equal(number)`; where there is none, `next` is put there, and returned.
  template <typename Equal>
  uint32_t FindOrAdd(uint64_t hash, uint32_t next, Equal equal) {
    for (uint64_t at = At(hash);; at = (at + 1) & Mask()) {
      const uint64_t slot = slots_[static_cast<int64_t>(at)];
      if (slot == 0) {
        slots_[static_cast<int64_t>(at)] = SlotOf(hash, next);
        return next;
      }
      if (((slot ^ hash) >> 32) == 0 && equal(NumberIn(slot))) return NumberIn(slot);
    }
  }

  /// Takes the number out that was put in last of all that are there.
  void RemoveLast(uint64_t hash, uint32_t number) {
    uint64_t at = At(hash);
    while (slots_[static_cast<int64_t>(at)] != SlotOf(hash, number)) at = (at + 1) & Mask();
    slots_[static_cast<int64_t>(at)] = 0;
  }

  void Release() { slots_.Release(); }
  int64_t bytes() const { return slots_.bytes(); }

 private:
  static uint64_t SlotOf(uint64_t hash, uint32_t number) { return (hash >> 32 << 32) | (number + 1); }
  static uint32_t NumberIn(uint64_t slot) { return static_cast<uint32_t>(slot) - 1; }
  uint64_t Mask() const { return static_cast<uint64_t>(slots_.size()) - 1; }
  int64_t At(uint64_t hash) const { return static_cast<int64_t>(hash & Mask()); }
  arrow::MemoryPool* pool() const { return slots_.pool(); }

  void Add(uint64_t hash, uint32_t number) {
    FindOrAdd(hash, number, [](uint32_t) { return false; });
  }

  PoolVector<uint64_t> slots_;
};

}  // namespace millstream
