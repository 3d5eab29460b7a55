#include "memory/huge_page_choice.h"

namespace millstream {

HugePageChoice::Next HugePageChoice::Choose() {
  const bool timed = timed_ < kRemembered || ++chosen_ % (huge() ? kTimedOfHuge : kTimedOfSmall) == 0;
  return {huge() || timed, timed};
}

void HugePageChoice::Touched(int64_t nanoseconds) {
  ++timed_;
  slow_ = (slow_ << 1 | static_cast<uint32_t>(nanoseconds > kSlowNanoseconds)) & ((1U << kRemembered) - 1);
}

}  // namespace millstream
