#include "task/for_each.h"

#include <gtest/gtest.h>

#include <atomic>

#include "env/env.h"

namespace millstream {
namespace {

TEST(ForEach, CallsEachIndexOnceWhateverTheLanes) {
  for (int lanes : {1, 3}) {
    const auto scheduler = *MakeThreadScheduler(lanes, RealEnv());
    std::vector<std::atomic<int>> calls(1000);
    ASSERT_TRUE(ForEach(scheduler.get(), 1000, [&](int64_t i) { ++calls[i]; return Status::OK(); }).ok());
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
}

TEST(ForEach, WorksWithoutASchedulerAndOnNothing) {
  int calls = 0;
  ASSERT_TRUE(ForEach(nullptr, 3, [&](int64_t) { ++calls; return Status::OK(); }).ok());
  EXPECT_EQ(calls, 3);
  const auto scheduler = *MakeThreadScheduler(2, RealEnv());
  ASSERT_TRUE(ForEach(scheduler.get(), 0, [&](int64_t) { return MakeError(ErrorKind::kOther, "called"); }).ok());
}

TEST(ForEach, GivesTheErrorOfTheLowestIndexAndBeginsNoMore) {
  const auto scheduler = *MakeThreadScheduler(4, RealEnv());
  for (int round = 0; round < 50; ++round) {
    std::atomic<int64_t> highest = 0;
    const Status status = ForEach(scheduler.get(), 100000, [&](int64_t i) {
      for (int64_t seen = highest; i > seen && !highest.compare_exchange_weak(seen, i);) {
      }
      return i == 17 || i == 19 || i == 20 ? MakeError(ErrorKind::kIo, "index " + std::to_string(i)) : Status::OK();
    });
    EXPECT_EQ(status.message(), "index 17");
    EXPECT_EQ(KindOf(status), ErrorKind::kIo);
    EXPECT_LT(highest, 99999);
  }
}

TEST(ForEach, RefusesAClosedScheduler) {
  const auto scheduler = *MakeThreadScheduler(2, RealEnv());
  scheduler->Shutdown();
  EXPECT_EQ(KindOf(ForEach(scheduler.get(), 10, [](int64_t) { return Status::OK(); })), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace millstream
