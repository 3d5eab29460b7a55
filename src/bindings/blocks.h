#pragma once
/// Numbers of blocks that Python gives.

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

#include "plan/blocks.h"

namespace millstream {

/// ValueError for a number that no plan takes.
inline void CheckBlocks(int64_t blocks) {
  if (blocks < 0 || blocks > kBlocksMax) throw nanobind::value_error(("the number of blocks must be from 0 to " + std::to_string(kBlocksMax)).c_str());
}

}  // namespace millstream
