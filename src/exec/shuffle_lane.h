#pragma once
/// What moves rows into a ShuffleStore on one lane, a step at a time.

#include <cstdint>

#include "base/status.h"

namespace millstream {

class ShuffleLane {
 public:
  virtual ~ShuffleLane() = default;
  /// Does one step: begins a piece of the input, or moves one column of it. False when no input is left and the rows have been handed over.
  virtual Result<bool> Step() = 0;
  /// What the next step needs at one time, about.
  virtual int64_t NextStepBytes() const = 0;
};

}  // namespace millstream
