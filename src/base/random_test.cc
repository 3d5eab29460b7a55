#include "base/random.h"

#include <gtest/gtest.h>

namespace millstream {
namespace {

TEST(Random, PartitionsAreMonotoneInTheKey) {
  uint32_t last = 0;
  for (uint64_t step = 0; step < 1000; ++step) {
    const uint32_t partition = PartitionOfKey(step * (~0ULL / 999), 37);
    EXPECT_GE(partition, last);
    EXPECT_LT(partition, 37u);
    last = partition;
  }
  EXPECT_EQ(last, 36u);
}

TEST(Random, SeedOneEpochOneIsNotSeedTwoEpochZero) {
  const auto a = MakeSourceKey(MakeEpochKey(1, 1), 0);
  const auto b = MakeSourceKey(MakeEpochKey(2, 0), 0);
  EXPECT_NE(a.KeyOfRow(0), b.KeyOfRow(0));
  EXPECT_NE(a.first, b.first);
}

}  // namespace
}  // namespace millstream
