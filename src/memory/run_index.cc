#include "memory/run_index.h"

#include <algorithm>

namespace millstream {
namespace {

uint64_t BitsBelow(int64_t n) { return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1; }

int64_t LeadingZeros(const RunIndex::ChunkBits& bits) {
  if (bits.words[1] != 0) return __builtin_clzll(bits.words[1]);
  return bits.words[0] != 0 ? 64 + __builtin_clzll(bits.words[0]) : 128;
}

}  // namespace

RunIndex::ChunkBits RunIndex::ChunkBits::Range(int64_t begin, int64_t end) {
  const auto below = [](int64_t n) {
    return ChunkBits{{BitsBelow(n), n > 64 ? BitsBelow(n - 64) : 0}};
  };
  return below(end) & ~below(begin);
}

RunIndex::Span RunIndex::SpanOf(const ChunkBits& used) {
  Span span{used.TrailingZeros(), LeadingZeros(used), 0};
  if (span.first == kChunkPages || used.count() == kChunkPages) {
    span.longest = span.first;
    return span;
  }
  ForEachZeroRun(used, [&](int64_t, int64_t length) {
    span.longest = std::max(span.longest, length);
    return false;
  });
  return span;
}

RunIndex::Span RunIndex::Join(const Span& left, const Span& right, int64_t pages_of_each) {
  return {left.first == pages_of_each ? pages_of_each + right.first : left.first,
          right.last == pages_of_each ? pages_of_each + left.last : right.last,
          std::max({left.longest, right.longest, left.last + right.first})};
}

void RunIndex::Grow(int64_t chunks) {
  const int64_t old = this->chunks();
  used_.resize(static_cast<size_t>(old + chunks));
  if (this->chunks() > leaves_) {
    Rebuild();
  } else {
    Refresh(old, this->chunks() - 1);
  }
}

void RunIndex::Rebuild() {
  leaves_ = 32;
  while (leaves_ < chunks()) leaves_ *= 2;
  tree_.assign(static_cast<size_t>(2 * leaves_), Span{});
  Refresh(0, chunks() - 1);
}

void RunIndex::Refresh(int64_t first_chunk, int64_t last_chunk) {
  for (int64_t chunk = first_chunk; chunk <= last_chunk; ++chunk) {
    tree_[static_cast<size_t>(leaves_ + chunk)] = SpanOf(used(chunk));
  }
  int64_t begin = leaves_ + first_chunk, end = leaves_ + last_chunk;
  for (int64_t pages = kChunkPages; begin > 1; pages *= 2) {
    begin /= 2;
    end /= 2;
    for (int64_t node = begin; node <= end; ++node) {
      const auto left = static_cast<size_t>(2 * node);
      tree_[static_cast<size_t>(node)] = Join(tree_[left], tree_[left + 1], pages);
    }
  }
}

int64_t RunIndex::Find(int64_t pages) const {
  if (leaves_ == 0 || tree_[1].longest < pages) return -1;
  int64_t node = 1, begin = 0, half = leaves_ * kChunkPages / 2;
  while (node < leaves_) {
    const Span& left = tree_[static_cast<size_t>(2 * node)];
    const Span& right = tree_[static_cast<size_t>(2 * node + 1)];
    if (left.longest >= pages) {
      node = 2 * node;
    } else if (left.last + right.first >= pages) {
      return begin + half - left.last;
    } else {
      node = 2 * node + 1;
      begin += half;
    }
    half /= 2;
  }
  int64_t found = -1;
  ForEachZeroRun(used(node - leaves_), [&](int64_t position, int64_t length) {
    if (length >= pages) found = begin + position;
    return found >= 0;
  });
  return found;
}

bool RunIndex::AllFree(int64_t page, int64_t pages) const {
  if (page < 0 || page + pages > chunks() * kChunkPages) return false;
  for (int64_t at = page; at < page + pages;) {
    const int64_t chunk = at / kChunkPages, begin = at % kChunkPages;
    const int64_t end = std::min(kChunkPages, begin + page + pages - at);
    if (!(used(chunk) & ChunkBits::Range(begin, end)).empty()) return false;
    at += end - begin;
  }
  return true;
}

void RunIndex::Mark(int64_t page, int64_t pages, bool mark_used) {
  for (int64_t at = page; at < page + pages;) {
    const int64_t chunk = at / kChunkPages, begin = at % kChunkPages;
    const int64_t end = std::min(kChunkPages, begin + page + pages - at);
    ChunkBits& bits = used_[static_cast<size_t>(chunk)];
    const ChunkBits range = ChunkBits::Range(begin, end);
    bits = mark_used ? bits | range : bits & ~range;
    at += end - begin;
  }
  Refresh(page / kChunkPages, (page + pages - 1) / kChunkPages);
}

void RunIndex::MarkBits(int64_t chunk, const ChunkBits& bits, bool mark_used) {
  ChunkBits& all = used_[static_cast<size_t>(chunk)];
  all = mark_used ? all | bits : all & ~bits;
  Refresh(chunk, chunk);
}

}  // namespace millstream
