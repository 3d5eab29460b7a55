#include "base/number_order.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace millstream {
namespace {

constexpr __int128 kInt64Max = INT64_MAX, kInt64Min = INT64_MIN, kUint64Max = UINT64_MAX;

TEST(NumberOrder, SeesWhatRoundingHides) {
  const __int128 odd = (int64_t{1} << 53) + 3;  // rounds to 2^53 + 4
  EXPECT_EQ(OrderOfNumbers(odd, 0x1p53 + 4), -1);
  EXPECT_EQ(OrderOfNumbers(odd + 1, 0x1p53 + 4), 0);
  EXPECT_EQ(OrderOfNumbers(odd, 0x1p53 + 2), 1);
  EXPECT_EQ(OrderOfNumbers(kInt64Max, 0x1p63), -1);
  EXPECT_EQ(OrderOfNumbers(kInt64Min, -0x1p63), 0);
  EXPECT_EQ(OrderOfNumbers(kUint64Max, 0x1p64), -1);
}

TEST(NumberOrder, FractionsLieBetweenWholeNumbers) {
  EXPECT_EQ(OrderOfNumbers(__int128{2}, 2.5), -1);
  EXPECT_EQ(OrderOfNumbers(__int128{3}, 2.5), 1);
  EXPECT_EQ(OrderOfNumbers(__int128{-2}, -2.5), 1);
  EXPECT_EQ(OrderOfNumbers(__int128{-3}, -2.5), -1);
  EXPECT_EQ(OrderOfNumbers(__int128{0}, -0.0), 0);
}

TEST(NumberOrder, NumbersBeyondAllWholeOnesAndNaN) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(OrderOfNumbers(kUint64Max, infinity), -1);
  EXPECT_EQ(OrderOfNumbers(kInt64Min, -infinity), 1);
  EXPECT_EQ(OrderOfNumbers(kInt64Min, -1e300), 1);
  EXPECT_TRUE(std::isnan(OrderOfNumbers(__int128{0}, std::numeric_limits<double>::quiet_NaN())));
}

TEST(NumberOrder, UnsignedBesideSigned) {
  EXPECT_EQ(OrderOfNumbers(kUint64Max, __int128{-1}), 1);
  EXPECT_EQ(OrderOfNumbers(__int128{5}, kInt64Max), -1);
  EXPECT_EQ(OrderOfNumbers(kInt64Max, kInt64Max), 0);
}

}  // namespace
}  // namespace millstream
