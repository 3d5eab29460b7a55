#include "memory/budget_pool.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

#include "base/status.h"

namespace millstream {
namespace {

constexpr int64_t kMiB = 1 << 20;

struct Pool {
  explicit Pool(int64_t limit, int64_t floor = 0)
      : budget(Budget::Make(limit)),
        arena(PageArena::Make(limit)),
        ledger(*Budget::Open(budget, "test", floor)),
        pool(BudgetPool::Make(ledger, arena)) {}
  int64_t used() const { return budget->used_bytes(); }
  std::shared_ptr<Budget> budget;
  std::shared_ptr<PageArena> arena;
  std::shared_ptr<Ledger> ledger;
  std::shared_ptr<BudgetPool> pool;
};

TEST(BudgetPool, ChargesRoundedSizesAndReleasesThem) {
  Pool p(kMiB);
  uint8_t *small = nullptr, *large = nullptr;
  ASSERT_TRUE(p.pool->Allocate(65, 64, &small).ok());
  EXPECT_EQ(p.used(), 128 + BudgetPool::kSmallOverheadBytes);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small) % 64, 0u);
  ASSERT_TRUE(p.pool->Allocate(BudgetPool::kArenaBytesMin + 1, 64, &large).ok());
  EXPECT_EQ(p.used(), 128 + BudgetPool::kSmallOverheadBytes + 3 * PageArena::kPageBytes);
  EXPECT_EQ(p.arena->used_bytes(), 3 * PageArena::kPageBytes);
  EXPECT_EQ(p.pool->bytes_allocated(), 65 + BudgetPool::kArenaBytesMin + 1);
  p.pool->Free(small, 65, 64);
  p.pool->Free(large, BudgetPool::kArenaBytesMin + 1, 64);
  EXPECT_EQ(p.used(), 0);
  EXPECT_EQ(p.arena->used_bytes(), 0);
  EXPECT_EQ(p.pool->bytes_allocated(), 0);
  EXPECT_EQ(p.pool->num_allocations(), 2);
}

TEST(BudgetPool, ServesEmptyAndAlignedRequestsAndRefusesOddOnes) {
  Pool p(kMiB);
  uint8_t* data = nullptr;
  ASSERT_TRUE(p.pool->Allocate(0, 64, &data).ok());
  EXPECT_NE(data, nullptr);
  EXPECT_EQ(p.used(), 0);
  ASSERT_TRUE(p.pool->Reallocate(0, 100, 64, &data).ok());
  ASSERT_TRUE(p.pool->Reallocate(100, 0, 64, &data).ok());
  p.pool->Free(data, 0, 64);
  EXPECT_EQ(p.used(), 0);
  ASSERT_TRUE(p.pool->Allocate(100, 4096, &data).ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 4096, 0u);
  p.pool->Free(data, 100, 4096);
  EXPECT_FALSE(p.pool->Allocate(-1, 64, &data).ok());
  EXPECT_FALSE(p.pool->Allocate(10, 48, &data).ok());
  EXPECT_FALSE(p.pool->Allocate(10, kMiB, &data).ok());
}

TEST(BudgetPool, ARefusalIsAnOutOfMemoryErrorThatNamesTheRemedy) {
  Pool p(100'000);
  uint8_t* data = nullptr;
  for (const int64_t size : {int64_t{200'000}, INT64_MAX}) {
    const Status refused = p.pool->Allocate(size, 64, &data);
    EXPECT_TRUE(refused.IsOutOfMemory());
    EXPECT_EQ(KindOf(refused), ErrorKind::kBudget);
    for (const char* part : {"'test'", "limit is 100 KB", "memory_limit"}) {
      EXPECT_NE(refused.message().find(part), std::string::npos) << refused.message();
    }
  }
  EXPECT_EQ(p.used(), 0);
}

TEST(BudgetPool, ReallocateKeepsTheBytesAndTheCharge) {
  Pool p(64 * kMiB);
  std::mt19937_64 random(1);
  uint8_t* data = nullptr;
  int64_t size = 10;
  ASSERT_TRUE(p.pool->Allocate(size, 64, &data).ok());
  std::memset(data, 1, 10);
  for (int step = 0; step < 2000; ++step) {
    const auto kind = random() % 3;
    const auto wanted = static_cast<int64_t>(kind == 0 ? random() % 200 : kind == 1 ? random() % 100'000 : random() % (4 * kMiB));
    ASSERT_TRUE(p.pool->Reallocate(size, wanted, 64, &data).ok());
    const auto mark = static_cast<uint8_t>(step);
    for (int64_t i = 0; i < std::min(size, wanted); i += 997) ASSERT_EQ(data[i], step == 0 ? 1 : static_cast<uint8_t>(step - 1));
    std::memset(data, mark, static_cast<size_t>(wanted));
    size = wanted;
    ASSERT_EQ(p.used(), BudgetPool::ChargedBytes(size));
  }
  p.pool->Free(data, size, 64);
  EXPECT_EQ(p.used(), 0);
  EXPECT_EQ(p.arena->used_bytes(), 0);
}

TEST(BudgetPool, ReallocateGrowsInPlaceWhereTheNextPagesAreFree) {
  Pool p(3 * kMiB);
  uint8_t* data = nullptr;
  ASSERT_TRUE(p.pool->Allocate(kMiB, 64, &data).ok());
  uint8_t* const before = data;
  ASSERT_TRUE(p.pool->Reallocate(kMiB, 5 * kMiB / 2, 64, &data).ok()) << "there is no room for a copy beside it";
  EXPECT_EQ(data, before);
  EXPECT_FALSE(p.pool->Reallocate(5 * kMiB / 2, 4 * kMiB, 64, &data).ok());
  EXPECT_EQ(data, before);
  EXPECT_EQ(p.used(), 5 * kMiB / 2);
  p.pool->Free(data, 5 * kMiB / 2, 64);
}

TEST(BudgetPool, ChargedAndKeptBytesTogetherStayWithinTheLimit) {
  constexpr int64_t kLimit = 24 * kMiB;
  Pool p(kLimit);
  std::mt19937_64 random(9);
  struct Piece { uint8_t* data; int64_t size; };
  std::vector<Piece> pieces;
  int refused = 0;
  for (int step = 0; step < 5000; ++step) {
    const auto size = static_cast<int64_t>(1 + random() % 400'000);
    uint8_t* data = nullptr;
    if (random() % 5 < 3) {
      if (p.pool->Allocate(size, 64, &data).ok()) {
        pieces.push_back({data, size});
        data[0] = data[size - 1] = 1;
      } else {
        ++refused;
      }
    } else if (!pieces.empty()) {
      std::swap(pieces[random() % pieces.size()], pieces.back());
      p.pool->Free(pieces.back().data, pieces.back().size, 64);
      pieces.pop_back();
    }
    ASSERT_LE(p.used() + p.arena->kept_bytes(), kLimit) << "step " << step;
  }
  EXPECT_GT(refused, 0) << "the limit was never reached";
  for (const Piece& piece : pieces) p.pool->Free(piece.data, piece.size, 64);
  EXPECT_EQ(p.used(), 0);
}

TEST(BudgetPool, ArrowBuildersRunOnIt) {
  Pool p(64 * kMiB);
  {
    arrow::StringBuilder builder(p.pool.get());
    for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(builder.Append("row " + std::to_string(i)).ok());
    const auto array = *builder.Finish();
    ASSERT_TRUE(array->ValidateFull().ok());
    EXPECT_GT(p.used(), 100'000 * 4);
  }
  EXPECT_EQ(p.used(), 0);
}

TEST(OwnedBuffer, OutlivesPoolLedgerAndBudget) {
  std::shared_ptr<BudgetPool::OwnedBuffer> large, small, charged;
  {
    Pool p(kMiB, 1000);
    large = *p.pool->AllocateOwned(100'000);
    small = *p.pool->AllocateOwned(100);
    charged = *p.pool->AllocateOwned(50'000);
    large->EndCharge();
    large->EndCharge();
    small->EndCharge();
    EXPECT_EQ(p.used(), BudgetPool::ChargedBytes(50'000));
    EXPECT_EQ(small->charged_bytes(), 0);
  }
  std::memset(large->mutable_data(), 1, 100'000);
  std::memset(small->mutable_data(), 1, 100);
  std::thread([&] {
    large.reset();
    small.reset();
    charged.reset();
  }).join();
}

TEST(OwnedBuffer, AnEndedChargePinsNoFloor) {
  Pool p(kMiB, 500'000);
  auto buffer = *p.pool->AllocateOwned(100'000);
  buffer->EndCharge();
  p.pool.reset();
  p.ledger.reset();
  EXPECT_EQ(p.budget->reserved_bytes(), 0);
}

TEST(OwnedBuffer, MemoryOfTheUserComesBackAsKeptWithinTheLimit) {
  constexpr int64_t kLimit = 16 * kMiB;
  Pool p(kLimit);
  auto users = *p.pool->AllocateOwned(12 * kMiB);
  users->EndCharge();
  auto ours = *p.pool->AllocateOwned(12 * kMiB);
  EXPECT_EQ(p.used(), 12 * kMiB);
  users.reset();
  EXPECT_LE(p.used() + p.arena->kept_bytes(), kLimit);
}

TEST(OwnedBuffer, MovesItsCharge) {
  Pool p(kMiB);
  auto other = *Budget::Open(p.budget, "other", 0);
  auto buffer = *p.pool->AllocateOwned(64);
  buffer->MoveCharge(other);
  EXPECT_EQ(p.ledger->used_bytes(), 0);
  EXPECT_EQ(other->used_bytes(), BudgetPool::ChargedBytes(64));
  buffer->EndCharge();
  EXPECT_EQ(other->used_bytes(), 0);
  buffer->MoveCharge(p.ledger);
  EXPECT_EQ(p.ledger->used_bytes(), BudgetPool::ChargedBytes(64));
  buffer.reset();
  EXPECT_EQ(p.used(), 0);
}

TEST(OwnedBuffer, ShrinksItsTail) {
  Pool p(kMiB);
  auto buffer = *p.pool->AllocateOwned(10 * PageArena::kPageBytes);
  buffer->ShrinkTail(3 * PageArena::kPageBytes + 1);
  EXPECT_EQ(buffer->size(), 3 * PageArena::kPageBytes + 1);
  EXPECT_EQ(p.used(), 4 * PageArena::kPageBytes);
  EXPECT_EQ(p.arena->used_bytes(), 4 * PageArena::kPageBytes);
  buffer->ShrinkTail(0);
  EXPECT_EQ(p.used(), PageArena::kPageBytes);
  auto small = *p.pool->AllocateOwned(100);
  small->ShrinkTail(10);
  EXPECT_EQ(small->size(), 10);
  buffer.reset();
  small.reset();
  EXPECT_EQ(p.used(), 0);
  EXPECT_EQ(p.pool->bytes_allocated(), 0);
}

TEST(BudgetPool, RefusesLibrariesNothingSmall) {
  const auto budget = Budget::Make(1 << 20);
  const auto pool = BudgetPool::Make(*Budget::Open(budget, "scan", 0), PageArena::Make(1 << 20));
  budget->InjectRefusals([](const std::string&, int64_t) { return true; });
  auto small = arrow::AllocateResizableBuffer(100, pool->for_libraries());
  ASSERT_TRUE(small.ok()) << small.status();
  (*small)->mutable_data()[99] = 5;
  ASSERT_TRUE((*small)->Resize(BudgetPool::kNeverRefusedBytes).ok());
  EXPECT_EQ((*small)->data()[99], 5);
  EXPECT_EQ(budget->used_bytes(), BudgetPool::kNeverRefusedBytes + BudgetPool::kSmallOverheadBytes);
  EXPECT_EQ(KindOf((*small)->Resize(BudgetPool::kNeverRefusedBytes + 1)), ErrorKind::kBudget);
  EXPECT_EQ(KindOf(arrow::AllocateBuffer(100, pool.get()).status()), ErrorKind::kBudget);
  small->reset();
  EXPECT_EQ(budget->used_bytes(), 0);
}

}  // namespace
}  // namespace millstream
