#include "memory/budget.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "base/status.h"

namespace millstream {
namespace {

using std::chrono::milliseconds;

TEST(Budget, FloorsAreReservedAtOnceAndGivenBack) {
  auto budget = Budget::Make(100);
  auto scan = *Budget::Open(budget, "scan", 30);
  EXPECT_EQ(budget->reserved_bytes(), 30);
  EXPECT_EQ(budget->used_bytes(), 0);
  auto exchange = *Budget::Open(budget, "exchange", 70);
  EXPECT_EQ(budget->free_bytes(), 0);
  scan.reset();
  EXPECT_EQ(budget->free_bytes(), 30);
}

TEST(Budget, AFloorThatDoesNotFitNamesTheNumberThatWould) {
  auto budget = Budget::Make(100'000'000);
  auto scan = *Budget::Open(budget, "scan", 60'000'000);
  const auto refused = Budget::Open(budget, "exchange", 50'000'000);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(KindOf(refused.status()), ErrorKind::kBudget);
  for (const char* part : {"100 MB", "40 MB free", "'exchange'", "50 MB", "memory_limit", "110000000 bytes"}) {
    EXPECT_NE(refused.status().message().find(part), std::string::npos) << part << " in " << refused.status().message();
  }
  EXPECT_EQ(budget->reserved_bytes(), 60'000'000);
  EXPECT_TRUE(Budget::Open(Budget::Make(110'000'000), "both", 110'000'000).ok());
}

TEST(Ledger, TakesFromTheFloorFirstThenFromWhatIsFree) {
  auto budget = Budget::Make(100);
  auto a = *Budget::Open(budget, "a", 40);
  auto b = *Budget::Open(budget, "b", 20);
  EXPECT_TRUE(a->TryCharge(40));
  EXPECT_EQ(budget->reserved_bytes(), 60);
  EXPECT_TRUE(a->TryCharge(40));
  EXPECT_EQ(budget->reserved_bytes(), 100);
  EXPECT_FALSE(a->TryCharge(1));
  EXPECT_EQ(a->used_bytes(), 80);
  EXPECT_TRUE(b->TryCharge(20)) << "the floor is granted although nothing is free";
  EXPECT_FALSE(b->TryCharge(1));
  EXPECT_EQ(budget->used_bytes(), 100);
  a->Release(60);
  EXPECT_EQ(budget->reserved_bytes(), 60);
  EXPECT_EQ(a->peak_bytes(), 80);
  EXPECT_EQ(budget->peak_bytes(), 100);
  a->Release(20);
  b->Release(20);
  EXPECT_EQ(budget->used_bytes(), 0);
}

TEST(Ledger, RefusesWhatNoBudgetCouldHold) {
  auto budget = Budget::Make(100);
  auto ledger = *Budget::Open(budget, "a", 0);
  EXPECT_FALSE(ledger->TryCharge(INT64_MAX));
  EXPECT_TRUE(ledger->TryCharge(100));
  EXPECT_FALSE(ledger->TryCharge(INT64_MAX));
  ledger->Release(100);
}

TEST(Ledger, ARefusalAsksTheLargestElasticHolders) {
  auto budget = Budget::Make(100);
  auto asker = *Budget::Open(budget, "asker", 0);
  auto small = *Budget::Open(budget, "small", 5);
  auto large = *Budget::Open(budget, "large", 10);
  auto stiff = *Budget::Open(budget, "stiff", 0);
  small->SetElastic(true);
  large->SetElastic(true);
  ASSERT_TRUE(small->TryCharge(25) && large->TryCharge(40) && stiff->TryCharge(35));
  EXPECT_FALSE(asker->TryCharge(45));
  EXPECT_EQ(large->shrink_wanted_bytes(), 30);
  EXPECT_EQ(small->shrink_wanted_bytes(), 15);
  EXPECT_EQ(stiff->shrink_wanted_bytes(), 0);
  EXPECT_FALSE(asker->TryCharge(10));
  EXPECT_EQ(large->shrink_wanted_bytes(), 30) << "asking again does not add up";
  large->ClearShrink();
  EXPECT_EQ(large->shrink_wanted_bytes(), 0);
  small->Release(25);
  large->Release(40);
  stiff->Release(35);
}

TEST(Ledger, ForceChargeGoesOverAndTransferKeepsTheSum) {
  auto budget = Budget::Make(100);
  auto a = *Budget::Open(budget, "a", 20);
  auto b = *Budget::Open(budget, "b", 0);
  a->ForceCharge(120);
  EXPECT_EQ(budget->free_bytes(), -20);
  a->TransferTo(*b, 100);
  EXPECT_EQ(a->used_bytes(), 20);
  EXPECT_EQ(b->used_bytes(), 100);
  EXPECT_EQ(budget->used_bytes(), 120);
  EXPECT_FALSE(a->TryTransferTo(*b, 20)) << "b would hold it above a's floor, which stays reserved";
  EXPECT_EQ(a->used_bytes(), 20);
  b->Release(100);
  EXPECT_TRUE(a->TryTransferTo(*b, 20));
  EXPECT_EQ(budget->reserved_bytes(), 40);
  b->Release(20);
}

TEST(Ledger, TransfersBetweenBudgets) {
  auto one = Budget::Make(100), two = Budget::Make(50);
  auto a = *Budget::Open(one, "a", 0);
  auto b = *Budget::Open(two, "b", 0);
  ASSERT_TRUE(a->TryCharge(80));
  EXPECT_FALSE(a->TryTransferTo(*b, 80));
  EXPECT_TRUE(a->TryTransferTo(*b, 30));
  a->TransferTo(*b, 50);
  EXPECT_EQ(one->used_bytes(), 0);
  EXPECT_EQ(two->used_bytes(), 80);
  b->Release(80);
}

TEST(Budget, TrimsKeptPagesBeforeAChargePassesTheLimit) {
  auto budget = Budget::Make(64 << 20);
  auto arena = PageArena::Make(int64_t{1} << 40);
  budget->Attach(arena);
  arena->Free(*arena->Allocate(48 << 20), 48 << 20);
  ASSERT_GE(arena->kept_bytes(), 48 << 20);
  auto ledger = *Budget::Open(budget, "a", 0);
  ASSERT_TRUE(ledger->TryCharge(10 << 20));
  EXPECT_GE(arena->kept_bytes(), 48 << 20);
  ASSERT_TRUE(ledger->TryCharge(30 << 20));
  EXPECT_LE(arena->kept_bytes(), 24 << 20);
  ledger->ForceCharge(60 << 20);
  EXPECT_EQ(arena->kept_bytes(), 0);
  ledger->Release(100 << 20);
}

TEST(Budget, WaitsForARelease) {
  auto budget = Budget::Make(100);
  auto ledger = *Budget::Open(budget, "a", 0);
  ASSERT_TRUE(ledger->TryCharge(100));
  EXPECT_FALSE(budget->WaitForRelease(milliseconds(5)));
  std::thread releaser([&] {
    std::this_thread::sleep_for(milliseconds(20));
    ledger->Release(100);
  });
  EXPECT_TRUE(budget->WaitForRelease(milliseconds(10'000)));
  releaser.join();
}

TEST(Budget, CallsBackOnceAfterARelease) {
  auto budget = Budget::Make(100);
  auto ledger = *Budget::Open(budget, "a", 0);
  ASSERT_TRUE(ledger->TryCharge(50));
  int calls = 0;
  budget->OnNextRelease([&] {
    ++calls;
    EXPECT_TRUE(ledger->TryCharge(1)) << "no lock is held";
  });
  EXPECT_EQ(calls, 0);
  ledger->Release(10);
  ledger->Release(10);
  EXPECT_EQ(calls, 1);
  budget->OnNextRelease([&] { ++calls; });
  ledger->Release(31);
  ledger.reset();
  EXPECT_EQ(calls, 2);
}

TEST(Budget, ClosingALedgerWakesWaiters) {
  auto budget = Budget::Make(100);
  auto ledger = *Budget::Open(budget, "a", 100);
  bool called = false;
  budget->OnNextRelease([&] { called = true; });
  ledger.reset();
  EXPECT_TRUE(called);
  EXPECT_EQ(budget->free_bytes(), 100);
}

TEST(Reservation, ReleasesWhenItGoesOutOfScope) {
  auto budget = Budget::Make(100);
  auto ledger = *Budget::Open(budget, "a", 0);
  {
    auto first = *Reservation::Take(ledger, 60);
    Reservation second = std::move(first);
    EXPECT_EQ(first.bytes(), 0);
    EXPECT_EQ(second.bytes(), 60);
    const auto refused = Reservation::Take(ledger, 50);
    EXPECT_EQ(KindOf(refused.status()), ErrorKind::kBudget);
    EXPECT_NE(refused.status().message().find("'a' asked for 50 B"), std::string::npos) << refused.status().message();
    second = *Reservation::Take(ledger, 40);
    EXPECT_EQ(ledger->used_bytes(), 40);
  }
  EXPECT_EQ(ledger->used_bytes(), 0);
  auto detached = *Reservation::Take(ledger, 10);
  EXPECT_EQ(detached.Detach(), 10);
  detached.Reset();
  EXPECT_EQ(ledger->used_bytes(), 10);
  ledger->Release(10);
}

TEST(Budget, InjectedRefusalsHitTheChargeTheyAreMeantFor) {
  auto budget = Budget::Make(1000);
  auto ledger = *Budget::Open(budget, "a", 100);
  int seen = 0;
  budget->InjectRefusals([&](const std::string& name, int64_t bytes) { return name == "a" && bytes == 10 && ++seen == 2; });
  EXPECT_TRUE(ledger->TryCharge(10));
  EXPECT_FALSE(ledger->TryCharge(10));
  EXPECT_TRUE(ledger->TryCharge(10));
  budget->InjectRefusals(nullptr);
  EXPECT_EQ(ledger->used_bytes(), 20);
  ledger->Release(20);
}

TEST(Budget, StaysWithinItsLimitUnderManyThreads) {
  constexpr int64_t kLimit = 1 << 20;
  auto budget = Budget::Make(kLimit);
  std::atomic<int64_t> held{0};
  std::atomic<bool> passed{false};
  // All floors first: a thread that runs already may hold what is left.
  std::vector<std::shared_ptr<Ledger>> ledgers;
  for (int id = 0; id < 4; ++id) ledgers.push_back(*Budget::Open(budget, "lane " + std::to_string(id), kLimit / 16));
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&, id, ledger = ledgers[id]] {
      std::mt19937_64 random(static_cast<uint64_t>(id));
      int64_t mine = 0;
      for (int step = 0; step < 5000; ++step) {
        const auto bytes = static_cast<int64_t>(random() % 100'000);
        if (random() % 2 == 0 && ledger->TryCharge(bytes)) {
          mine += bytes;
          if ((held += bytes) > kLimit) passed = true;
        } else if (mine > 0) {
          const int64_t back = std::min(mine, bytes);
          held -= back;
          mine -= back;
          ledger->Release(back);
        }
      }
      held -= mine;
      ledger->Release(mine);
    });
  }
  for (auto& thread : threads) thread.join();
  threads.clear();
  ledgers.clear();
  EXPECT_FALSE(passed);
  EXPECT_EQ(budget->reserved_bytes(), 0);
  EXPECT_EQ(budget->used_bytes(), 0);
}

TEST(Budget, IsInertInAForkedChild) {
  auto budget = Budget::Make(100);
  auto ledger = *Budget::Open(budget, "a", 0);
  ASSERT_TRUE(ledger->TryCharge(10));
  const pid_t child = fork();
  if (child == 0) {
    ledger->Release(10);
    const bool refused = !ledger->TryCharge(1) && !Budget::Open(budget, "b", 1).ok();
    ledger.reset();
    budget.reset();
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ledger->Release(10);
}

}  // namespace
}  // namespace millstream
