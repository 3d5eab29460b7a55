#pragma once
/// The order of numbers of different types by their values, which no conversion between the types keeps.

#include <cmath>
#include <limits>

namespace millstream {

/// -1, 0 or 1 as `whole` is less than `number`, equal to it or greater; NaN beside NaN. `whole` has 64 bits, signed or not.
inline double OrderOfNumbers(__int128 whole, double number) {
  if (std::isnan(number)) return std::numeric_limits<double>::quiet_NaN();
  if (number >= 0x1p64) return -1;
  if (number < -0x1p63) return 1;
  const double floor = std::floor(number);
  const auto below = static_cast<__int128>(floor);
  if (whole != below) return whole < below ? -1 : 1;
  return number > floor ? -1 : 0;
}

inline double OrderOfNumbers(__int128 whole, __int128 number) { return whole < number ? -1 : whole > number ? 1 : 0; }

}  // namespace millstream
