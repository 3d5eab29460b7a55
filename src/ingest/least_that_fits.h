#pragma once
/// What a plan's sizing falls back on to tell a user which memory limit would do.

#include <algorithm>
#include <cstdint>

namespace millstream {

constexpr int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The least multiple of `step`, about, that `fits` holds for; it is known not to hold for `bytes`, and to hold for all that is large enough.
template <typename Fits>
int64_t LeastThatFits(int64_t bytes, int64_t step, Fits&& fits) {
  int64_t high = std::max(bytes, step);
  while (!fits(high) && high < INT64_MAX / 4) high *= 2;
  int64_t low = high / 2;
  while (high - low > step) {
    const int64_t middle = low + (high - low) / 2;
    (fits(middle) ? high : low) = middle;
  }
  return DivideUp(high, step) * step;
}

}  // namespace millstream
