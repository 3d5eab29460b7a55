#include "memory/overdraft_pool.h"

#include <gtest/gtest.h>

#include <cstring>

namespace millstream {
namespace {

struct Pools {
  std::shared_ptr<Budget> budget = Budget::Make(1 << 20);
  std::shared_ptr<BudgetPool> base = BudgetPool::Make(*Budget::Open(budget, "test", 0), PageArena::Make(1 << 20));
  OverdraftPool pool{base};
};

TEST(OverdraftPool, GrantsWhatIsRefusedAndSaysSo) {
  Pools pools;
  uint8_t* first = nullptr;
  uint8_t* second = nullptr;
  ASSERT_TRUE(pools.pool.Allocate(100 << 10, 64, &first).ok());
  EXPECT_TRUE(pools.pool.status().ok());
  ASSERT_TRUE(pools.pool.Allocate(2 << 20, 64, &second).ok());
  std::memset(second, 1, 2 << 20);
  EXPECT_EQ(KindOf(pools.pool.status()), ErrorKind::kBudget);
  EXPECT_GE(pools.budget->used_bytes(), (2 << 20) + (100 << 10));
  pools.pool.Free(first, 100 << 10, 64);
  pools.pool.Free(second, 2 << 20, 64);
  EXPECT_EQ(pools.budget->used_bytes(), 0);
  EXPECT_EQ(pools.pool.bytes_allocated(), 0);
  EXPECT_EQ(KindOf(pools.pool.status()), ErrorKind::kBudget);
}

TEST(OverdraftPool, KeepsTheBytesWhenABufferGrowsOverTheBudgetAndShrinksAgain) {
  Pools pools;
  uint8_t* data = nullptr;
  ASSERT_TRUE(pools.pool.Allocate(1000, 64, &data).ok());
  std::memset(data, 7, 1000);
  int64_t size = 1000;
  for (const int64_t next : {3 << 20, 4 << 20, 100 << 10, 500}) {
    ASSERT_TRUE(pools.pool.Reallocate(size, next, 64, &data).ok());
    size = next;
    for (int64_t byte = 0; byte < 500; ++byte) ASSERT_EQ(data[byte], 7);
  }
  EXPECT_FALSE(pools.pool.status().ok());
  pools.pool.Free(data, size, 64);
  EXPECT_EQ(pools.budget->used_bytes(), 0);
}

}  // namespace
}  // namespace millstream
