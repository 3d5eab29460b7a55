#pragma once
/// Finds the first run of free pages, by address, in time logarithmic in the size of the arena.
///
/// Pages are grouped in chunks of kChunkPages (one huge page). A binary tree over the chunks knows for each span the free pages at its
/// start, at its end, and the longest free run; a chunk's own pages are two words of bits. Not thread-safe.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millstream {

class RunIndex {
 public:
  static constexpr int64_t kChunkPages = 128;

  /// Bits of one chunk's pages, first page in the lowest bit of the first word.
  struct ChunkBits {
    uint64_t words[2] = {0, 0};
    bool empty() const { return (words[0] | words[1]) == 0; }
    int count() const { return __builtin_popcountll(words[0]) + __builtin_popcountll(words[1]); }
    ChunkBits operator&(const ChunkBits& other) const { return {{words[0] & other.words[0], words[1] & other.words[1]}}; }
    ChunkBits operator|(const ChunkBits& other) const { return {{words[0] | other.words[0], words[1] | other.words[1]}}; }
    ChunkBits operator~() const { return {{~words[0], ~words[1]}}; }
    int64_t TrailingZeros() const {
      if (words[0] != 0) return __builtin_ctzll(words[0]);
      return words[1] != 0 ? 64 + __builtin_ctzll(words[1]) : kChunkPages;
    }
    ChunkBits ShiftedDown(int64_t n) const {
      const auto shifted = (static_cast<unsigned __int128>(words[1]) << 64 | words[0]) >> n;
      return {{static_cast<uint64_t>(shifted), static_cast<uint64_t>(shifted >> 64)}};
    }
    /// Bits [begin, end).
    static ChunkBits Range(int64_t begin, int64_t end);
    static ChunkBits All() { return {{~uint64_t{0}, ~uint64_t{0}}}; }
  };

  /// Calls visit(begin, length) for each run of zero bits, until it returns true.
  template <typename Visit>
  static void ForEachZeroRun(const ChunkBits& bits, Visit visit);

  int64_t chunks() const { return static_cast<int64_t>(used_.size()); }
  /// Adds free chunks at the end.
  void Grow(int64_t chunks);

  /// First page of the lowest run of `pages` free pages, or -1.
  int64_t Find(int64_t pages) const;
  /// True when all of [page, page + pages) is free and within the index.
  bool AllFree(int64_t page, int64_t pages) const;
  void MarkUsed(int64_t page, int64_t pages) { Mark(page, pages, true); }
  void MarkFree(int64_t page, int64_t pages) { Mark(page, pages, false); }
  /// Marks single pages of one chunk.
  void MarkBits(int64_t chunk, const ChunkBits& bits, bool used);

  const ChunkBits& used(int64_t chunk) const { return used_[static_cast<size_t>(chunk)]; }

 private:
  struct Span {
    int64_t first = 0;    // free pages at the start
    int64_t last = 0;     // free pages at the end
    int64_t longest = 0;  // longest free run
  };
  static Span SpanOf(const ChunkBits& used);
  static Span Join(const Span& left, const Span& right, int64_t pages_of_each);
  void Mark(int64_t page, int64_t pages, bool used);
  void Refresh(int64_t first_chunk, int64_t last_chunk);
  void Rebuild();

  std::vector<ChunkBits> used_;
  std::vector<Span> tree_;  // heap order: node 1 is the root, leaves from leaves_ on
  int64_t leaves_ = 0;
};

template <typename Visit>
void RunIndex::ForEachZeroRun(const ChunkBits& bits, Visit visit) {
  for (int64_t position = 0; position < kChunkPages;) {
    const int64_t zeros = std::min(bits.ShiftedDown(position).TrailingZeros(), kChunkPages - position);
    if (zeros > 0 && visit(position, zeros)) return;
    position += zeros;
    if (position < kChunkPages) position += (~bits.ShiftedDown(position)).TrailingZeros();
  }
}

}  // namespace millstream
