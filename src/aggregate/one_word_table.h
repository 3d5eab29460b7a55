#pragma once
/// Keys of one 64-bit word, numbered in the order in which they first come.
///
/// Ids are often dense: where all words fit into a window that takes no more memory than slots for as many keys would, they are looked up there. Which of both it is
/// is decided anew whenever the table grows.

#include <array>

#include "aggregate/key_hash.h"
#include "aggregate/slot_table.h"
#include "aggregate/word_window.h"

namespace millstream {

class OneWordTable {
 public:
  explicit OneWordTable(arrow::MemoryPool* pool) : slots_(pool), window_(pool), keys_(pool) {}

  static constexpr int64_t kBlockRows = 256;

  /// numbers[i] = the number of the key words[i], for i < count <= kBlockRows. On a refusal nothing has changed.
  Status Number(const uint64_t* words, int64_t count, uint32_t* numbers) {
    ARROW_RETURN_NOT_OK(keys_.Reserve(size() + count));
    ARROW_RETURN_NOT_OK(ReservePlaces(words, count));
    if (window_.is_open()) NumberInWindow(words, count, numbers);
    else NumberInSlots(words, count, numbers);
    return Status::OK();
  }

  /// Forgets the numbers from `count` on.
  void Truncate(int64_t count) {
    for (int64_t last = size() - 1; last >= count; --last) {
      const auto number = static_cast<uint32_t>(last);
      if (window_.is_open()) window_.Remove(KeyOf(number));
      else slots_.RemoveLast(HashOf(number), number);
    }
    keys_.Truncate(count);
  }
  void Release() {
    slots_.Release();
    window_.Release();
    keys_.Release();
  }

  int64_t size() const { return keys_.size(); }
  int64_t bytes() const { return slots_.bytes() + window_.bytes() + keys_.bytes(); }
  uint64_t KeyOf(uint32_t number) const { return keys_[number]; }
  uint64_t HashOf(uint32_t number) const { return HashWord(KeyOf(number)); }

 private:
  static int64_t WindowPlaces(int64_t keys) { return SlotTable::SlotsFor(keys) * static_cast<int64_t>(sizeof(uint64_t) / sizeof(uint32_t)); }

  Status ReservePlaces(const uint64_t* words, int64_t count) {
    const int64_t keys = size() + count;
    ARROW_RETURN_NOT_OK(SlotTable::CheckCount(keys));
    if (window_.is_open() ? window_.size() >= WindowPlaces(keys) && window_.HasAll(words, count) : slots_.HasRoomFor(keys)) return Status::OK();
    WordRange range;
    range.Include(keys_.data(), size());
    range.Include(words, count);
    if (range.FitsInto(WindowPlaces(keys))) return MoveToWindow(range, WindowPlaces(keys));
    ARROW_RETURN_NOT_OK(slots_.Reserve(keys, size(), [&](uint32_t number) { return HashOf(number); }));
    window_.Release();
    return Status::OK();
  }

  Status MoveToWindow(WordRange range, int64_t places) {
    ARROW_RETURN_NOT_OK(window_.Open(range, places));
    for (int64_t number = 0; number < size(); ++number) window_.FindOrAdd(keys_[number], static_cast<uint32_t>(number));
    slots_.Release();
    return Status::OK();
  }

  void NumberInWindow(const uint64_t* words, int64_t count, uint32_t* numbers) {
    for (int64_t i = 0; i < count; ++i) window_.Prefetch(words[i]);
    for (int64_t i = 0; i < count; ++i) {
      const auto next = static_cast<uint32_t>(size());
      numbers[i] = window_.FindOrAdd(words[i], next);
      if (numbers[i] == next) keys_.Append(words[i]);
    }
  }

  void NumberInSlots(const uint64_t* words, int64_t count, uint32_t* numbers) {
    std::array<uint64_t, kBlockRows> hashes;
    for (int64_t i = 0; i < count; ++i) {
      hashes[i] = HashWord(words[i]);
      slots_.Prefetch(hashes[i]);
    }
    for (int64_t i = 0; i < count; ++i) {
      slots_.PrefetchKeyOf(hashes[i], [&](uint32_t number) { __builtin_prefetch(&keys_[number]); });
    }
    for (int64_t i = 0; i < count; ++i) {
      const auto next = static_cast<uint32_t>(size());
      numbers[i] = slots_.FindOrAdd(hashes[i], next, [&](uint32_t other) { return keys_[other] == words[i]; });
      if (numbers[i] == next) keys_.Append(words[i]);
    }
  }

  SlotTable slots_;    // empty while the window is open
  WordWindow window_;
  PoolVector<uint64_t> keys_;
};

}  // namespace millstream
