#pragma once
/// What moves rows into a ShuffleStore on one lane, a step at a time.

#include <cstdint>

#include "base/status.h"
#include "task/scheduler.h"

namespace millstream {

enum class LaneStep : uint8_t {
  kMore,
  kBlocked,  // there is no input yet; the waker is kept
  kDone,     // no input is left, and the rows have been handed over
};

class ShuffleLane {
 public:
  virtual ~ShuffleLane() = default;
  /// Does one step: begins a piece of the input, or moves one column of it.
  virtual Result<LaneStep> Step(const Waker& waker) = 0;
  /// What the next step needs at one time, about.
  virtual int64_t NextStepBytes() const = 0;
};

}  // namespace millstream
