#pragma once
/// What Dataset::Join keeps.

#include <cstdint>

namespace millstream {

enum class JoinType : uint8_t {
  kInner = 0,       // rows of both sides whose keys are equal, side by side
  kLeftOuter = 1,   // these, and rows of the left without a match, nulls beside them
  kRightOuter = 2,  // the same for the right
  kFullOuter = 3,   // the same for both
  kLeftSemi = 4,    // rows of the left that have a match, each once, and nothing beside them
  kRightSemi = 5,
  kLeftAnti = 6,    // rows of the left that have none
  kRightAnti = 7,
};

}  // namespace millstream
