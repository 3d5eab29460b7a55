#pragma once
/// The numbers of words that lie close together, each at the word's own place: a hash table without hashes and without keys to compare.

#include <cstdint>

#include "aggregate/pool_vector.h"

namespace millstream {

/// From the least to the greatest of some words. Empty: none.
struct WordRange {
  void Include(const uint64_t* words, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      least = words[i] < least ? words[i] : least;
      greatest = words[i] > greatest ? words[i] : greatest;
    }
  }
  bool FitsInto(int64_t places) const { return greatest - least < static_cast<uint64_t>(places); }

  uint64_t least = UINT64_MAX;
  uint64_t greatest = 0;
};

class WordWindow {
 public:
  explicit WordWindow(arrow::MemoryPool* pool) : places_(pool) {}

  /// Empty, of so many places, and with the range, which fits, in its middle. On a refusal nothing has changed.
  Status Open(WordRange range, int64_t places) {
    PoolVector<uint32_t> empty(places_.pool());
    ARROW_RETURN_NOT_OK(empty.Grow(places, 0));
    places_ = std::move(empty);
    first_ = range.least - (static_cast<uint64_t>(places) - (range.greatest - range.least)) / 2;
    return Status::OK();
  }
  void Release() { places_.Release(); }

  bool is_open() const { return places_.size() > 0; }
  int64_t size() const { return places_.size(); }
  int64_t bytes() const { return places_.bytes(); }
  bool HasAll(const uint64_t* words, int64_t count) const {
    bool all = true;
    for (int64_t i = 0; i < count; ++i) all &= words[i] - first_ < static_cast<uint64_t>(places_.size());
    return all;
  }

  void Prefetch(uint64_t word) const { __builtin_prefetch(&places_[At(word)]); }
  /// The word's number; where it has none it gets `next`.
  uint32_t FindOrAdd(uint64_t word, uint32_t next) {
    uint32_t& place = places_[At(word)];
    if (place == 0) place = next + 1;
    return place - 1;
  }
  void Remove(uint64_t word) { places_[At(word)] = 0; }

 private:
  int64_t At(uint64_t word) const { return static_cast<int64_t>(word - first_); }

  PoolVector<uint32_t> places_;  // number + 1, 0: none
  uint64_t first_ = 0;           // the word at the first place; places count on from it modulo 2^64
};

}  // namespace millstream
