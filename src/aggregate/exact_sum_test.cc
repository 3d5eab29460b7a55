#include "aggregate/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace millstream {
namespace {

WideNumber NumberOf(std::vector<uint64_t> limbs, int exponent) { return WideNumber::Magnitude(limbs.data(), static_cast<int>(limbs.size()), exponent); }

TEST(WideNumber, RoundsToTheNearestDoubleAndTiesToEven) {
  EXPECT_EQ(NumberOf({0, 0}, 0).ToDouble(), 0);
  EXPECT_EQ(NumberOf({1, 0}, -1074).ToDouble(), 5e-324);
  EXPECT_EQ(NumberOf({(1ULL << 53) + 1, 0}, 0).ToDouble(), 0x1p53) << "a tie goes down to even";
  EXPECT_EQ(NumberOf({(1ULL << 53) + 3, 0}, 0).ToDouble(), 0x1p53 + 4) << "a tie goes up to even";
  EXPECT_EQ(NumberOf({1, 1ULL << 53 | 1, 0}, 0).ToDouble(), (0x1p53 + 2) * 0x1p64) << "just above a tie";
  EXPECT_EQ(NumberOf({UINT64_MAX, 0}, 0).ToDouble(), 0x1p64) << "rounding carries";
  EXPECT_EQ(NumberOf({3, 0}, -1076).ToDouble(), 5e-324) << "three quarters of the least double";
  EXPECT_EQ(NumberOf({1, 0}, -1075).ToDouble(), 0) << "half of the least double is a tie with 0";
  EXPECT_EQ(NumberOf({1, 0}, 1024).ToDouble(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(NumberOf({(1ULL << 54) - 1, 0}, 970).ToDouble(), std::numeric_limits<double>::infinity()) << "half a step above the greatest";
  EXPECT_EQ(NumberOf({(1ULL << 54) - 2, 0}, 970).ToDouble(), std::numeric_limits<double>::max());
  EXPECT_EQ(NumberOf({UINT64_MAX, UINT64_MAX}, 0).ToDouble(), 1) << "the magnitude of -1";
}

TEST(WideNumber, DividesAndRemembersWhatIsLost) {
  for (const uint64_t divisor : {3ULL, 7ULL, 1'000'003ULL, 0xffffffffffffffffULL}) {
    WideNumber number(12345);
    number.AddLowLimbs(3);
    number.Divide(divisor);
    EXPECT_EQ(number.ToDouble(), 12345.0 / static_cast<double>(divisor));
  }
  WideNumber half(1ULL << 53 | 1);  // divided by 1 exactly a tie; a trace below makes it more
  half.Divide(1);
  EXPECT_EQ(half.ToDouble(), 0x1p53);
  WideNumber more((1ULL << 53 | 1) * 4 + 1);
  more.Divide(4);
  EXPECT_EQ(more.ToDouble(), 0x1p53 + 2);
}

TEST(WideNumber, SquaresSubtractsAndTakesRoots) {
  const WideNumber number = NumberOf({0, 5, 0}, -64);
  EXPECT_EQ(number.Square().ToDouble(), 25);
  EXPECT_EQ(number.Square().Minus(NumberOf({1, 0}, -1)).ToDouble(), 24.5);
  EXPECT_EQ(number.Square().SquareRoot(), 5);
  EXPECT_EQ(WideNumber(2).SquareRoot(), std::sqrt(2.0));
  EXPECT_EQ(NumberOf({2, 0}, 2000).SquareRoot(), std::ldexp(std::sqrt(2.0), 1000)) << "beyond what doubles hold";
  EXPECT_EQ(NumberOf({1, 0}, -2147).SquareRoot(), std::ldexp(std::sqrt(2.0), -1074));
}

/// Fast sums against slow ones.
TEST(ExactSum, AddsLikePlainWideIntegers) {
  std::mt19937_64 random(1);
  uint64_t three[3] = {}, any[3] = {}, squares[4] = {}, any_squares[4] = {};
  __int128 plain = 0;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t mantissa = random() >> 11;
    const int shift = static_cast<int>(random() % 40);
    const bool negative = random() % 2 == 0;
    AddToThree(three, mantissa, shift, negative);
    AddShifted(any, 3, mantissa, shift, negative);
    plain += static_cast<__int128>(mantissa) * (int64_t{1} << shift) * (negative ? -1 : 1);
    ASSERT_EQ(three[0], static_cast<uint64_t>(plain));
    ASSERT_EQ(three[1], static_cast<uint64_t>(plain >> 64));
    ASSERT_EQ(three[2], plain < 0 ? UINT64_MAX : 0);
    ASSERT_TRUE(std::equal(three, three + 3, any));
    const int far = static_cast<int>(random() % 120);
    AddSquare(squares, static_cast<unsigned __int128>(mantissa) * mantissa, far);
    AddShifted(any_squares, 4, static_cast<unsigned __int128>(mantissa) * mantissa, far, false);
    ASSERT_TRUE(std::equal(squares, squares + 4, any_squares));
  }
}

TEST(ExactSum, TakesAwayWhatItAdded) {
  std::mt19937_64 random(2);
  uint64_t three[3] = {}, many[9] = {};
  std::vector<std::pair<uint64_t, int>> added;
  for (int i = 0; i < 1000; ++i) added.emplace_back(random() >> 11, static_cast<int>(random() % 110));
  for (const bool negative : {false, true}) {
    for (const auto& [mantissa, shift] : added) {
      AddToThree(three, mantissa, shift, negative);
      AddShifted(many, 9, mantissa, shift * 4, negative);
    }
    std::reverse(added.begin(), added.end());
    if (!negative) {
      EXPECT_NE(three[2], 0u);
      continue;
    }
    EXPECT_TRUE(std::all_of(three, three + 3, [](uint64_t limb) { return limb == 0; }));
    EXPECT_TRUE(std::all_of(many, many + 9, [](uint64_t limb) { return limb == 0; }));
  }
}

}  // namespace
}  // namespace millstream
