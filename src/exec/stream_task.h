#pragma once
/// What all streams share: a stop signal, a count of the tasks under way, blocked tasks to wake.

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "exec/engine.h"
#include "task/cancellation.h"

namespace millstream {

class StreamCore {
 public:
  explicit StreamCore(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  const std::shared_ptr<Engine>& engine() const { return engine_; }
  const Cancellation& cancellation() const { return cancellation_; }
  void Fail(const Status& status) {
    cancellation_.Cancel(status);
    WakeAll();
    std::vector<Waker> wakers;
    {
      std::lock_guard lock(mutex_);
      wakers = on_stop_;
    }
    for (auto& waker : wakers) waker();
  }
  /// For a task that may be blocked on another stream: keeps its waker for when this one fails or is stopped. Once a task.
  void WakeOnStop(Waker waker) {
    {
      std::lock_guard lock(mutex_);
      on_stop_.push_back(waker);
      if (!cancellation_.cancelled()) return;
    }
    waker();
  }
  /// Keeps a blocked task's waker until the next WakeAll; calls it at once when there will be none, for the stream has been stopped since the
  /// task looked.
  void Block(Waker waker) {
    {
      std::lock_guard lock(mutex_);
      if (!cancellation_.cancelled()) return blocked_.push_back(std::move(waker));
    }
    waker();
  }
  /// Keeps the waker of a consumer that found nothing until the next WakeConsumer or WakeAll; the one kept before is dropped. Calls it at once when the stream has
  /// been stopped. To be called under the lock under which the consumer looked.
  void BlockConsumer(Waker waker) {
    {
      std::lock_guard lock(mutex_);
      if (!cancellation_.cancelled()) {
        consumer_ = std::move(waker);
        return;
      }
    }
    waker();
  }
  /// There may be something for the consumer, or a change that callers of the scheduler's WaitUntil wait for.
  void WakeConsumer() {
    Waker consumer;
    {
      std::lock_guard lock(mutex_);
      consumer.swap(consumer_);
    }
    if (consumer) consumer();
    engine_->scheduler()->Notify();
  }
  /// Wakes the blocked tasks.
  void WakeBlocked() {
    std::vector<Waker> wakers;
    {
      std::lock_guard lock(mutex_);
      wakers.swap(blocked_);
    }
    for (auto& waker : wakers) waker();
  }
  /// Wakes the blocked tasks and the consumer.
  void WakeAll() {
    WakeBlocked();
    WakeConsumer();
  }
  /// Cancels and waits until no task is left.
  void Stop() {
    Fail(MakeError(ErrorKind::kCancelled, "the stream was closed"));
    engine_->scheduler()->WaitUntil([alive = tasks_alive_] { return *alive == 0; });
  }

 private:
  friend class TaskCount;
  std::shared_ptr<Engine> engine_;
  Cancellation cancellation_;
  std::shared_ptr<std::atomic<int>> tasks_alive_ = std::make_shared<std::atomic<int>>(0);
  std::mutex mutex_;
  std::vector<Waker> blocked_;
  std::vector<Waker> on_stop_;
  Waker consumer_;
};

/// Counts a task as one of its stream's. Must be the task's first member, so that it is destroyed after all that refers to the stream: the
/// stream waits for the count before it lets go of the engine, and no lane may be the one that ends the engine.
class TaskCount {
 public:
  explicit TaskCount(const StreamCore& core) : alive_(core.tasks_alive_), scheduler_(core.engine_->scheduler().get()) { ++*alive_; }
  ~TaskCount() {
    --*alive_;
    scheduler_->Notify();
  }
  TaskCount(const TaskCount&) = delete;
  TaskCount& operator=(const TaskCount&) = delete;

 private:
  std::shared_ptr<std::atomic<int>> alive_;
  Scheduler* scheduler_;
};

}  // namespace millstream
