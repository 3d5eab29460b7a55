#include "task/for_each.h"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace millstream {
namespace {

struct Shared {
  std::function<Status(int64_t)> work;
  int64_t count = 0;
  std::atomic<int64_t> next = 0;
  std::atomic<int64_t> done = 0;
  std::atomic<int> tasks_alive = 0;
  std::mutex mutex;
  // Guarded by mutex:
  int64_t failed = INT64_MAX;
  Status error;

  /// False when there is nothing left to begin.
  Status Done(int64_t index) const {
    try {
      return work(index);
    } catch (const std::bad_alloc&) {
      return Status::OutOfMemory("out of memory");
    }
  }

  bool RunNext() {
    const int64_t index = next++;
    if (index >= count) return false;
    const Status status = Done(index);
    ++done;
    if (status.ok()) return true;
    // Indexes are given out in order, so every lower one has been begun and will report its own error.
    next = count;
    std::lock_guard lock(mutex);
    if (index < failed) {
      failed = index;
      error = status;
    }
    return false;
  }

  Status Result() {
    std::lock_guard lock(mutex);
    if (!error.ok()) return error;
    return done == count ? Status::OK() : MakeError(ErrorKind::kCancelled, "the engine was closed");
  }
};

class ForEachTask : public Task {
 public:
  ForEachTask(std::shared_ptr<Shared> shared, Scheduler* scheduler) : shared_(std::move(shared)), scheduler_(scheduler) { ++shared_->tasks_alive; }
  ~ForEachTask() override {
    --shared_->tasks_alive;
    scheduler_->Notify();
  }
  Step Run(const Waker&) override { return shared_->RunNext() ? Step::kAgain : Step::kDone; }

 private:
  std::shared_ptr<Shared> shared_;
  Scheduler* scheduler_;
};

}  // namespace

Status ForEach(Scheduler* scheduler, int64_t count, const std::function<Status(int64_t)>& work) {
  auto shared = std::make_shared<Shared>();
  shared->work = work;
  shared->count = count;
  if (scheduler == nullptr || count <= 1) {
    while (shared->RunNext()) {
    }
    return shared->Result();
  }
  const int64_t tasks = std::min<int64_t>(scheduler->lanes(), count);
  for (int64_t i = 0; i < tasks; ++i) {
    const Status submitted = scheduler->Submit(std::make_unique<ForEachTask>(shared, scheduler), Priority::kNormal);
    if (submitted.ok()) continue;
    if (i == 0) return submitted;
    break;
  }
  scheduler->WaitUntil([&] { return shared->tasks_alive == 0; });
  return shared->Result();
}

}  // namespace millstream
