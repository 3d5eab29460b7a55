#include "task/scheduler.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "task/cancellation.h"
#include "testing/fault_env.h"
#include "testing/seeded_scheduler.h"

namespace millstream {
namespace {

class StepTask : public Task {
 public:
  explicit StepTask(std::function<Step(const Waker&)> step, std::atomic<int>* destroyed = nullptr)
      : step_(std::move(step)), destroyed_(destroyed) {}
  ~StepTask() override {
    if (destroyed_ != nullptr) ++*destroyed_;
  }
  Step Run(const Waker& waker) override { return step_(waker); }

 private:
  std::function<Step(const Waker&)> step_;
  std::atomic<int>* destroyed_;
};

std::unique_ptr<Task> MakeTask(std::function<Step(const Waker&)> step, std::atomic<int>* destroyed = nullptr) {
  return std::make_unique<StepTask>(std::move(step), destroyed);
}

int CountLaneThreads() {
  int lanes = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    std::ifstream file(std::string("/proc/self/task/") + entry->d_name + "/comm");
    std::string name;
    lanes += std::getline(file, name) && name.rfind("ms-lane-", 0) == 0;
  }
  closedir(tasks);
  return lanes;
}

/// Once those that were joined have left /proc, where they are for a moment longer.
int LaneThreadsLeft() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (CountLaneThreads() > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return CountLaneThreads();
}

/// Both schedulers keep the same contract.
class AnyScheduler : public testing::TestWithParam<int> {
 protected:
  std::shared_ptr<Scheduler> Make() {
    if (GetParam() > 100) return *MakeThreadScheduler(GetParam() - 100, RealEnv(), /*hostile_seed=*/static_cast<uint64_t>(GetParam()));
    if (GetParam() > 0) return *MakeThreadScheduler(GetParam(), RealEnv());
    return MakeSeededScheduler({.seed = static_cast<uint64_t>(-GetParam())});
  }
};

TEST_P(AnyScheduler, RunsTasksToTheirEndAndDestroysThem) {
  auto scheduler = Make();
  std::atomic<int> steps{0}, destroyed{0};
  for (int i = 0; i < 50; ++i) {
    auto task = MakeTask(
        [&, left = 10](const Waker&) mutable {
          ++steps;
          return --left == 0 ? Step::kDone : Step::kAgain;
        },
        &destroyed);
    ASSERT_TRUE(scheduler->Submit(std::move(task), i % 2 == 0 ? Priority::kNormal : Priority::kLow).ok());
  }
  scheduler->WaitUntil([&] { return destroyed == 50; });
  EXPECT_EQ(steps, 500);
}

TEST_P(AnyScheduler, TwoTasksHandTheBallToEachOther) {
  auto scheduler = Make();
  struct Table {
    std::mutex mutex;
    int ball = 0;
    Waker wakers[2];
  } table;
  std::atomic<int> done{0};
  for (int player = 0; player < 2; ++player) {
    auto step = [&, player](const Waker& waker) {
      Waker other;
      bool over = false;
      {
        std::lock_guard lock(table.mutex);
        table.wakers[player] = waker;
        if (table.ball < 2000 && table.ball % 2 != player) return Step::kBlocked;
        if (table.ball < 2000) ++table.ball;
        over = table.ball == 2000;
        other = table.wakers[1 - player];
      }
      if (other) other();
      if (!over) return Step::kAgain;
      ++done;
      scheduler->Notify();
      return Step::kDone;
    };
    ASSERT_TRUE(scheduler->Submit(MakeTask(step), Priority::kNormal).ok());
  }
  scheduler->WaitUntil([&] { return done == 2; });
  EXPECT_EQ(table.ball, 2000);
}

TEST_P(AnyScheduler, AWakeBeforeTheStepReturnsIsNotLost) {
  auto scheduler = Make();
  std::atomic<int> runs{0};
  auto step = [&](const Waker& waker) {
    if (++runs >= 100) return Step::kDone;
    waker();
    waker();
    return Step::kBlocked;
  };
  ASSERT_TRUE(scheduler->Submit(MakeTask(step), Priority::kNormal).ok());
  scheduler->WaitUntil([&] { return runs == 100; });
}

TEST_P(AnyScheduler, WakersMayBeCalledFromAnyThreadAndAfterTheEnd) {
  auto scheduler = Make();
  std::mutex mutex;
  Waker kept;
  std::atomic<bool> woken{false}, done{false};
  auto step = [&](const Waker& waker) {
    std::lock_guard lock(mutex);
    kept = waker;
    if (!woken) return Step::kBlocked;
    done = true;
    return Step::kDone;
  };
  ASSERT_TRUE(scheduler->Submit(MakeTask(step), Priority::kNormal).ok());
  std::thread other([&] {
    Waker waker;
    while (!waker) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::lock_guard lock(mutex);
      waker = kept;
    }
    woken = true;
    waker();
  });
  scheduler->WaitUntil([&] { return done.load(); });
  other.join();
  kept();
  scheduler.reset();
  kept();
}

TEST_P(AnyScheduler, ShutdownDestroysWhatIsLeftAndRefusesMore) {
  auto scheduler = Make();
  std::atomic<int> destroyed{0}, started{0};
  Waker kept;
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker& waker) { kept = waker; ++started; return Step::kBlocked; }, &destroyed), Priority::kNormal).ok());
  scheduler->WaitUntil([&] { return started > 0; });
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker&) { return Step::kAgain; }, &destroyed), Priority::kLow).ok());
  scheduler->Shutdown();
  EXPECT_EQ(destroyed, 2);
  scheduler->Shutdown();
  EXPECT_EQ(KindOf(scheduler->Submit(MakeTask([](const Waker&) { return Step::kDone; }, &destroyed), Priority::kNormal)),
            ErrorKind::kCancelled);
  EXPECT_EQ(destroyed, 3);
  kept();
}

TEST_P(AnyScheduler, TasksSubmitTasks) {
  auto scheduler = Make();
  std::atomic<int> leaves{0};
  std::function<Step(const Waker&, int)> branch = [&](const Waker&, int depth) {
    if (depth == 0) {
      ++leaves;
      return Step::kDone;
    }
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(scheduler->Submit(MakeTask([&branch, depth](const Waker& waker) { return branch(waker, depth - 1); }), Priority::kNormal).ok());
    }
    return Step::kDone;
  };
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker& waker) { return branch(waker, 7); }), Priority::kNormal).ok());
  scheduler->WaitUntil([&] { return leaves == 128; });
}

INSTANTIATE_TEST_SUITE_P(Schedulers, AnyScheduler, testing::Values(1, 2, 8, 101, 102, 108, 0, -1, -2), [](const auto& info) {
  if (info.param > 100) return "HostileThreads" + std::to_string(info.param - 100);
  return info.param > 0 ? "Threads" + std::to_string(info.param) : "Seed" + std::to_string(-info.param);
});

TEST(ThreadScheduler, LowPriorityRunsOnlyWhenNothingElseIsReady) {
  auto scheduler = *MakeThreadScheduler(1, RealEnv());
  std::atomic<bool> release{false};
  std::mutex mutex;
  std::string order;
  const auto append = [&](char letter) {
    return MakeTask([&, letter](const Waker&) {
      std::lock_guard lock(mutex);
      order += letter;
      return Step::kDone;
    });
  };
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker&) {
    while (!release) std::this_thread::yield();
    return Step::kDone;
  }), Priority::kNormal).ok());
  ASSERT_TRUE(scheduler->Submit(append('l'), Priority::kLow).ok());
  ASSERT_TRUE(scheduler->Submit(append('a'), Priority::kNormal).ok());
  ASSERT_TRUE(scheduler->Submit(append('b'), Priority::kNormal).ok());
  release = true;
  scheduler->WaitUntil([&] {
    std::lock_guard lock(mutex);
    return order.size() == 3;
  });
  EXPECT_EQ(order, "abl");
}

TEST(ThreadScheduler, LanesAreNamedAndGoneAfterShutdown) {
  auto scheduler = *MakeThreadScheduler(3, RealEnv());
  scheduler->WaitUntil([] { return CountLaneThreads() == 3; });
  scheduler->Shutdown();
  EXPECT_EQ(LaneThreadsLeft(), 0);
}

TEST(ThreadScheduler, LanesRunAsBatchWork) {
  auto scheduler = *MakeThreadScheduler(1, RealEnv());
  std::atomic<int> policy{-1};
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker&) {
                          policy = sched_getscheduler(0);
                          scheduler->Notify();
                          return Step::kDone;
                        }),
                                Priority::kNormal)
                  .ok());
  scheduler->WaitUntil([&] { return policy != -1; });
  EXPECT_EQ(policy, SCHED_BATCH);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
}

TEST(ThreadScheduler, LanesTakeNoInterrupt) {
  auto scheduler = *MakeThreadScheduler(1, RealEnv());
  std::atomic<int> blocked{-1};
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker&) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    blocked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGSEGV) == 0;
    return Step::kDone;
  }), Priority::kNormal).ok());
  scheduler->WaitUntil([&] { return blocked >= 0; });
  EXPECT_EQ(blocked, 1);
  sigset_t mine;
  pthread_sigmask(SIG_BLOCK, nullptr, &mine);
  EXPECT_EQ(sigismember(&mine, SIGINT), 0);
}

TEST(ThreadScheduler, AThreadThatCannotStartIsAnErrorAndLeavesNone) {
  auto env = FaultEnv::Make(RealEnv());
  for (int i = 0; i < 3; ++i) {
    env->FailCall(EnvCall::kThreadStart, i);
    EXPECT_FALSE(MakeThreadScheduler(3, env).ok());
    EXPECT_EQ(LaneThreadsLeft(), 0);
  }
  EXPECT_EQ(KindOf(MakeThreadScheduler(0, env).status()), ErrorKind::kInvalidArgument);
}

TEST(ThreadScheduler, NotifyWakesWaitersAtOnce) {
  auto scheduler = *MakeThreadScheduler(1, RealEnv());
  std::atomic<int> rounds{0};
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker&) {
    ++rounds;
    scheduler->Notify();
    return rounds == 200 ? Step::kDone : Step::kAgain;
  }), Priority::kNormal).ok());
  for (int round = 1; round <= 200; ++round) scheduler->WaitUntil([&] { return rounds >= round; });
  // Were each wake-up left to the 50 ms check, this would take 10 seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(ThreadScheduler, ATaskMayDropTheLastReference) {
  auto scheduler = *MakeThreadScheduler(2, RealEnv());
  const auto destroyed = std::make_shared<std::atomic<bool>>(false);  // shared: the lane may outlive the test
  struct Mark {
    explicit Mark(std::shared_ptr<std::atomic<bool>> set) : mark(std::move(set)) {}
    Mark(const Mark&) = delete;
    ~Mark() { *mark = true; }
    std::shared_ptr<std::atomic<bool>> mark;
  };
  auto held = std::make_shared<std::shared_ptr<Scheduler>>(scheduler);
  auto mark = std::make_shared<Mark>(destroyed);
  auto step = [held, mark](const Waker&) {
    if (held->use_count() > 1) return Step::kAgain;
    held->reset();
    return Step::kDone;
  };
  mark.reset();
  ASSERT_TRUE(scheduler->Submit(MakeTask(std::move(step)), Priority::kNormal).ok());
  held.reset();
  scheduler.reset();
  for (int i = 0; i < 5000 && !*destroyed; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(*destroyed);
}

TEST(ThreadScheduler, AForkedChildNeitherJoinsNorHangs) {
  auto scheduler = *MakeThreadScheduler(2, RealEnv());
  Waker kept;
  std::atomic<bool> blocked{false};
  ASSERT_TRUE(scheduler->Submit(MakeTask([&](const Waker& waker) { kept = waker; blocked = true; return Step::kBlocked; }), Priority::kNormal).ok());
  scheduler->WaitUntil([&] { return blocked.load(); });
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    kept();
    const bool stale = KindOf(scheduler->Submit(MakeTask([](const Waker&) { return Step::kDone; }), Priority::kNormal)) == ErrorKind::kStale;
    scheduler->WaitUntil([] { return false; });
    scheduler->Notify();
    scheduler->Shutdown();
    scheduler.reset();
    _exit(stale ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SeededScheduler, TheSeedFixesTheOrder) {
  const auto run = [](uint64_t seed) {
    auto scheduler = MakeSeededScheduler({.seed = seed});
    std::string order;
    int done = 0;
    for (char letter = 'a'; letter < 'f'; ++letter) {
      auto step = [&order, &done, letter, left = 5](const Waker&) mutable {
        order += letter;
        if (--left > 0) return Step::kAgain;
        ++done;
        return Step::kDone;
      };
      EXPECT_TRUE(scheduler->Submit(MakeTask(step), Priority::kNormal).ok());
    }
    scheduler->WaitUntil([&] { return done == 5; });
    return order;
  };
  EXPECT_EQ(run(3), run(3));
  EXPECT_NE(run(3), run(4));
  EXPECT_EQ(run(3).size(), 25u);
}

TEST(SeededScheduler, ADeadlockThrowsAndNamesTheSeed) {
  auto scheduler = MakeSeededScheduler({.seed = 77, .deadlock_after = std::chrono::milliseconds(20)});
  ASSERT_TRUE(scheduler->Submit(MakeTask([](const Waker&) { return Step::kBlocked; }), Priority::kNormal).ok());
  try {
    scheduler->WaitUntil([] { return false; });
    FAIL() << "no deadlock was seen";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("77"), std::string::npos);
  }
}

TEST(Cancellation, TheFirstReasonWins) {
  Cancellation cancellation;
  EXPECT_FALSE(cancellation.cancelled());
  EXPECT_TRUE(cancellation.status().ok());
  cancellation.Cancel(MakeError(ErrorKind::kDiskFull, "first"));
  cancellation.Cancel(MakeError(ErrorKind::kIo, "second"));
  EXPECT_TRUE(cancellation.cancelled());
  EXPECT_EQ(KindOf(cancellation.status()), ErrorKind::kDiskFull);
  Cancellation left;
  left.Cancel(Status::OK());
  EXPECT_EQ(KindOf(left.status()), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace millstream
