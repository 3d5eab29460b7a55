#pragma once
/// Runs tasks on the engine's own lanes; never on Arrow's global pools.
///
/// A task is a step function: it does a bounded piece of work (at most about a batch) and says whether it wants to go on, has
/// finished, or is blocked, in which case it has kept the waker it was given and calls it once when it can go on. Higher priority runs
/// first, equal priorities in turn. ThreadScheduler has N threads; SeededScheduler (testing/) runs everything on the caller's thread in an order drawn
/// from a seed, blocking at random, and must give the same results.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/status.h"
#include "env/env.h"

namespace millstream {

enum class Step : uint8_t { kAgain, kBlocked, kDone };
enum class Priority : uint8_t { kNormal = 0, kLow = 1 };  // kLow runs only when no normal task is ready

/// Makes a blocked task runnable again; may be called from any thread, before or after the step returned kBlocked, more than once.
using Waker = std::function<void()>;

/// Runs on one lane at a time, not always the same one. Run must not throw, and must bear being run without having been woken.
class Task {
 public:
  virtual ~Task() = default;
  virtual Step Run(const Waker& waker) = 0;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// Takes ownership; the task is destroyed on a lane after kDone. Fails, destroying the task, once Shutdown has begun (kCancelled) and in a
  /// forked child (kStale).
  virtual Status Submit(std::unique_ptr<Task> task, Priority priority) = 0;
  virtual int lanes() const = 0;
  /// Blocks the calling (not a lane's) thread until `ready()` is true; a SeededScheduler runs tasks meanwhile. `ready` is re-evaluated after each Notify and
  /// at least every 50 ms, and may be used to look for signals.
  virtual void WaitUntil(const std::function<bool()>& ready) = 0;
  /// Wakes WaitUntil callers.
  virtual void Notify() = 0;
  /// Runs no further step, joins the threads, destroys the tasks left. The destructor does the same; a second call does nothing.
  virtual void Shutdown() = 0;
};

/// Threads named ms-lane-0, ms-lane-1, …, which take no signals but those of faults and profilers, so that Ctrl-C reaches the main thread.
/// In a forked child an inherited scheduler refuses tasks, WaitUntil returns at once, and its destructor leaks instead of joining. Wakers
/// may outlive the scheduler.
///
/// A `hostile_seed` that is not 0, for tests, has lanes take ready tasks in an order drawn from it, dawdle before some steps, and run some
/// blocked tasks that nobody woke: whatever a result owes to the usual order shows.
Result<std::shared_ptr<Scheduler>> MakeThreadScheduler(int lanes, std::shared_ptr<Env> env, uint64_t hostile_seed = 0);

}  // namespace millstream
