#pragma once
/// A scheduler for tests: one thread, an order drawn from a seed, blocked at random.
///
/// Tasks run only inside WaitUntil, on the caller's thread. The same seed and tasks give the same order of steps. When nothing can run and
/// nothing wakes a task for a while, WaitUntil throws std::runtime_error that names the seed: a deadlock becomes a test failure.

#include <chrono>
#include <cstdint>
#include <memory>

#include "task/scheduler.h"

namespace millstream {

struct SeededOptions {
  uint64_t seed = 0;
  int lanes = 2;                      // only what lanes() says
  double stall_rate = 0.2;            // a ready task is passed over this often, for a few turns
  double spurious_wake_rate = 0.05;   // a blocked task is run without having been woken this often
  std::chrono::milliseconds deadlock_after{5000};
};

std::shared_ptr<Scheduler> MakeSeededScheduler(SeededOptions options);

}  // namespace millstream
