#include "column/narrow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace millstream {
namespace {

std::vector<uint32_t> Permutation(int64_t count, uint64_t seed) {
  std::vector<uint32_t> positions(count);
  std::iota(positions.begin(), positions.end(), 0u);
  std::shuffle(positions.begin(), positions.end(), std::mt19937_64(seed));
  return positions;
}

// `count` values in [base, base + spread], both ends among them when there is room.
template <typename T>
std::vector<T> ValuesAbove(T base, uint64_t spread, int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<uint64_t> draw(0, spread);
  std::vector<T> values(count);
  for (auto& value : values) value = static_cast<T>(static_cast<uint64_t>(base) + draw(random));
  if (count > 0) values[count / 2] = static_cast<T>(static_cast<uint64_t>(base) + spread);
  if (count > 1) values[0] = base;
  return values;
}

template <typename T>
class NarrowIntegers : public testing::Test {};
using Integers = testing::Types<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
TYPED_TEST_SUITE(NarrowIntegers, Integers);

constexpr int64_t kCounts[] = {0, 1, 3, 4, 5, 63, 64, 257, 1000, 5003};

uint64_t Greatest(int width) { return width == 8 ? ~0ULL : (1ULL << (8 * width)) - 1; }

TYPED_TEST(NarrowIntegers, EveryWidthGivesTheValuesBackWhereTheyBelong) {
  using T = TypeParam;
  for (const int64_t count : kCounts) {
    for (int width = 1; width <= static_cast<int>(sizeof(T)); width *= 2) {
      const T base =
          width == sizeof(T) ? std::numeric_limits<T>::min() : static_cast<T>(std::numeric_limits<T>::min() + 3);
      const auto values = ValuesAbove<T>(base, Greatest(width), count, count + width);
      const auto positions = Permutation(count, 7);
      std::vector<uint8_t> out(count * width + 1, 0xEE);
      ASSERT_TRUE(ScatterNarrow(values.data(), positions.data(), count, width, base, out.data()));
      EXPECT_EQ(out.back(), 0xEE);
      for (int64_t i = 0; i < count; ++i) {
        uint64_t stored = 0;
        std::memcpy(&stored, out.data() + positions[i] * width, width);
        ASSERT_EQ(stored, (static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(base)) & Greatest(width));
      }
      std::vector<T> back(count);
      GatherWiden(out.data(), width, base, positions.data(), count, back.data());
      EXPECT_EQ(back, values);
    }
  }
}

TYPED_TEST(NarrowIntegers, AValueAboveOrBelowWhatTheStatisticsPromisedIsNoticedAnywhere) {
  using T = TypeParam;
  if constexpr (sizeof(T) > 1) {
    for (int width = 1; width < static_cast<int>(sizeof(T)); width *= 2) {
      for (const int64_t count : {1, 5, 8, 101}) {
        const auto positions = Permutation(count, 3);
        std::vector<uint8_t> out(count * width);
        const T base = 10;
        for (int64_t liar = 0; liar < count; ++liar) {
          std::vector<T> values(count, static_cast<T>(base + 1));
          values[liar] = static_cast<T>(base + Greatest(width) + 1);
          EXPECT_FALSE(ScatterNarrow(values.data(), positions.data(), count, width, base, out.data()));
          values[liar] = static_cast<T>(base - 1);
          EXPECT_FALSE(ScatterNarrow(values.data(), positions.data(), count, width, base, out.data()));
        }
      }
    }
  }
}

TYPED_TEST(NarrowIntegers, AtFullWidthAnyBaseIsExact) {
  using T = TypeParam;
  const std::vector<T> values = {std::numeric_limits<T>::min(), 0, 1, std::numeric_limits<T>::max()};
  const auto positions = Permutation(4, 1);
  std::vector<uint8_t> out(4 * sizeof(T));
  std::vector<T> back(4);
  const T base = std::numeric_limits<T>::max();
  ASSERT_TRUE(ScatterNarrow(values.data(), positions.data(), 4, sizeof(T), base, out.data()));
  GatherWiden(out.data(), sizeof(T), base, positions.data(), 4, back.data());
  EXPECT_EQ(back, values);
}

TYPED_TEST(NarrowIntegers, MinMaxFindsTheEndsWhereverTheyLie) {
  using T = TypeParam;
  for (const int64_t count : {1, 2, 31, 63, 64, 65, 128, 129, 300}) {
    for (int64_t place = 0; place < count; ++place) {
      std::vector<T> values(count, 50);
      values[place] = std::numeric_limits<T>::min();
      values[count - 1 - place] = std::numeric_limits<T>::max();
      const auto expected = std::minmax_element(values.begin(), values.end());
      const Range<T> range = MinMax(values.data(), count);
      ASSERT_EQ(range.min, *expected.first);
      ASSERT_EQ(range.max, *expected.second);
    }
  }
}

TYPED_TEST(NarrowIntegers, NarrowWidthIsTheLeastThatHoldsTheSpread) {
  using T = TypeParam;
  const T low = std::numeric_limits<T>::min();
  for (int width = 1; width <= static_cast<int>(sizeof(T)); width *= 2) {
    const T high = static_cast<T>(static_cast<uint64_t>(low) + Greatest(width));
    EXPECT_EQ(NarrowWidth(Range<T>{low, high}), width);
    if (width == static_cast<int>(sizeof(T))) continue;
    EXPECT_EQ(NarrowWidth(Range<T>{low, static_cast<T>(high + 1)}), 2 * width);
  }
}

template <typename T>
void ExpectBitsKept(const std::vector<T>& values) {
  const int64_t count = static_cast<int64_t>(values.size());
  const auto positions = Permutation(count, 5);
  std::vector<uint8_t> out(count * sizeof(T));
  std::vector<T> back(count);
  EXPECT_TRUE(ScatterNarrow(values.data(), positions.data(), count, sizeof(T), T{0}, out.data()));
  GatherWiden(out.data(), sizeof(T), T{0}, positions.data(), count, back.data());
  EXPECT_EQ(std::memcmp(back.data(), values.data(), count * sizeof(T)), 0);
}

TEST(Narrow, FloatsKeepTheirBits) {
  ExpectBitsKept<float>(
      {1.5f, -0.0f, std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 3.f});
  ExpectBitsKept<double>(
      {1.5, -0.0, std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity(), 3.});
}

TEST(Narrow, BytesOfEveryWidthGoWhereTheyBelong) {
  for (const int width : {0, 1, 2, 3, 4, 5, 8, 12, 16, 17, 32, 33}) {
    for (const int64_t count : kCounts) {
      const auto values = ValuesAbove<uint8_t>(0, 255, count * width, 11);
      const auto positions = Permutation(count, 13);
      std::vector<uint8_t> out(count * width), back(count * width);
      ScatterBytes(values.data(), width, positions.data(), count, out.data());
      for (int64_t i = 0; i < count; ++i) {
        ASSERT_TRUE(std::equal(values.begin() + i * width, values.begin() + (i + 1) * width,
                               out.begin() + positions[i] * width));
      }
      GatherBytes(out.data(), width, positions.data(), count, back.data());
      EXPECT_EQ(back, values);
    }
  }
}

}  // namespace
}  // namespace millstream
