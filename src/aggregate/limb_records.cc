#include "aggregate/limb_records.h"

#include <algorithm>

namespace millstream {

Status LimbRecords::Prepare(int64_t group_count, BitRange range) {
  BitRange wanted = range_;
  wanted.Include(range);
  if (!wanted.empty()) {
    const int base = range_.empty() ? wanted.low / 64 * 64 : std::min(base_, wanted.low / 64 * 64);
    const int limbs = std::max(limbs_min_, (wanted.high + kCarryBits - base + 63) / 64);
    if (base != base_ || limbs != limbs_) ARROW_RETURN_NOT_OK(Widen(base, limbs));
    range_ = wanted;
  }
  return records_.Grow(group_count * (1 + limbs_), 0);
}

void LimbRecords::Release() {
  records_.Release();
  range_ = {};
  base_ = 0;
  limbs_ = limbs_min_;
}

/// Before there are values all limbs are 0, so any base will do.
Status LimbRecords::Widen(int base, int limbs) {
  const int moved = range_.empty() ? 0 : (base_ - base) / 64;
  const int64_t groups = group_count();
  PoolVector<uint64_t> wider(records_.pool());
  ARROW_RETURN_NOT_OK(wider.Grow(groups * (1 + limbs), 0));
  for (int64_t group = 0; group < groups; ++group) {
    const uint64_t* from = records_.data() + group * (1 + limbs_);
    uint64_t* to = wider.data() + group * (1 + limbs);
    const uint64_t sign = from[limbs_] >> 63 != 0 ? UINT64_MAX : 0;
    to[0] = from[0];
    for (int i = moved; i < limbs; ++i) to[1 + i] = i - moved < limbs_ ? from[1 + i - moved] : sign;
  }
  records_ = std::move(wider);
  base_ = base;
  limbs_ = limbs;
  return Status::OK();
}

}  // namespace millstream
