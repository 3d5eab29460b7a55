#pragma once
/// The exact sums (exact_sum.h) of all groups of a table, each with the number of its terms: records of words, first the number, then the limbs.
///
/// All groups share a base and a number of limbs. Both follow the values: they are widened, for all groups, before values come that would not fit. Values of one column
/// rarely differ by more than the 30 decimal digits that three limbs leave room for; if they do, sums take more memory, never another value.

#include <cstdint>

#include "aggregate/exact_sum.h"
#include "aggregate/pool_vector.h"

namespace millstream {

/// The bit positions that values take: [low, high). Empty: none.
struct BitRange {
  int low = 0;
  int high = 0;
  bool empty() const { return low >= high; }
  void Include(BitRange other) {
    if (other.empty()) return;
    *this = empty() ? other : BitRange{low < other.low ? low : other.low, high > other.high ? high : other.high};
  }
};

class LimbRecords {
 public:
  /// A bit at position p counts 2^(p + exponent).
  LimbRecords(int limbs_min, int exponent, arrow::MemoryPool* pool) : limbs_min_(limbs_min), exponent_(exponent), limbs_(limbs_min), records_(pool) {}

  /// Room for so many groups, and for values within `range` in each. On a refusal nothing has changed.
  Status Prepare(int64_t group_count, BitRange range);

  /// `kLimbs`: limbs(), where the compiler is to know them.
  template <int kLimbs = 0>
  uint64_t* Record(uint32_t group) {
    return records_.data() + static_cast<int64_t>(group) * (1 + (kLimbs == 0 ? limbs_ : kLimbs));
  }
  const uint64_t* LimbsOf(uint32_t group) const { return records_.data() + static_cast<int64_t>(group) * (1 + limbs_) + 1; }
  int64_t CountOf(uint32_t group) const { return static_cast<int64_t>(records_[static_cast<int64_t>(group) * (1 + limbs_)]); }
  WideNumber MagnitudeOf(uint32_t group) const { return WideNumber::Magnitude(LimbsOf(group), limbs_, base_ + exponent_); }
  bool IsNegative(uint32_t group) const { return WideNumber::IsNegative(LimbsOf(group), limbs_); }

  int limbs() const { return limbs_; }
  int exponent() const { return exponent_; }
  /// The position of the lowest bit, a multiple of 64.
  int base() const { return base_; }
  int64_t group_count() const { return records_.size() / (1 + limbs_); }
  void Release();
  int64_t bytes() const { return records_.bytes(); }

 private:
  Status Widen(int base, int limbs);

  const int limbs_min_;
  const int exponent_;
  BitRange range_;
  int base_ = 0;
  int limbs_;
  PoolVector<uint64_t> records_;
};

}  // namespace millstream
