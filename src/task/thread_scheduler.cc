#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/fork.h"
#include "base/random.h"
#include "base/signals_blocked.h"
#include "task/scheduler.h"

namespace millstream {
namespace {

constexpr auto kReadyCheckInterval = std::chrono::milliseconds(50);
constexpr auto kDawdle = std::chrono::microseconds(200);

/// A lane that wakes does not take the CPU from a thread that runs: the trainer's, for one.
void ScheduleAsBatchWork() {
  int policy = SCHED_OTHER;
  sched_param parameters{};
  if (pthread_getschedparam(pthread_self(), &policy, &parameters) == 0 && policy == SCHED_OTHER) pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
}

/// What a hostile scheduler draws; nothing where the seed is 0. With the lanes' lock held.
class Whim {
 public:
  explicit Whim(uint64_t seed) : seed_(seed) {}
  /// A number below `bound`; 0 without a seed.
  uint64_t Below(uint64_t bound) { return seed_ == 0 ? 0 : Mix64(seed_ + ++draws_) % bound; }
  /// True once in `times`; never without a seed.
  bool Strikes(uint64_t times) { return seed_ != 0 && Below(times) == 0; }

 private:
  const uint64_t seed_;
  uint64_t draws_ = 0;
};

/// A task with what the lanes know about it.
struct Cell {
  enum class State : uint8_t { kReady, kRunning, kRunningWoken, kBlocked, kGone };
  std::unique_ptr<Task> task;
  Priority priority;
  State state = State::kReady;
  Waker waker;
};

/// Shared by the lanes and, weakly, by wakers.
class Lanes : public std::enable_shared_from_this<Lanes> {
 public:
  explicit Lanes(uint64_t hostile_seed) : whim_(hostile_seed) {}
  Status Submit(std::unique_ptr<Task> task, Priority priority);
  void RunLane();
  void Stop();
  std::unordered_set<std::shared_ptr<Cell>> TakeCells();
  void WaitUntil(const std::function<bool()>& ready);
  void Notify();
  bool inherited() const { return fork_.inherited(); }

 private:
  void Wake(const std::shared_ptr<Cell>& cell);
  void PushReady(const std::shared_ptr<Cell>& cell);
  std::shared_ptr<Cell> PopReady(std::unique_lock<std::mutex>& lock);
  void Settle(const std::shared_ptr<Cell>& cell, Step step);

  ForkGuard fork_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable notified_;
  uint64_t notifications_ = 0;
  bool stopping_ = false;
  Whim whim_;
  std::deque<std::shared_ptr<Cell>> ready_[2];  // by priority
  std::unordered_set<std::shared_ptr<Cell>> cells_;
};

Status Lanes::Submit(std::unique_ptr<Task> task, Priority priority) {
  if (inherited()) return MakeError(ErrorKind::kStale, "This scheduler's threads belong to the parent process");
  auto cell = std::make_shared<Cell>();
  cell->task = std::move(task);
  cell->priority = priority;
  // Weak, for a task keeps its waker.
  cell->waker = [lanes = weak_from_this(), weak_cell = std::weak_ptr(cell)] {
    const auto alive = lanes.lock();
    const auto woken = weak_cell.lock();
    if (alive != nullptr && woken != nullptr && !alive->inherited()) alive->Wake(woken);
  };
  std::lock_guard lock(mutex_);
  if (stopping_) return MakeError(ErrorKind::kCancelled, "The scheduler is shut down");
  cells_.insert(cell);
  PushReady(cell);
  return Status::OK();
}

void Lanes::PushReady(const std::shared_ptr<Cell>& cell) {
  cell->state = Cell::State::kReady;
  ready_[static_cast<size_t>(cell->priority)].push_back(cell);
  work_.notify_one();
}

void Lanes::Wake(const std::shared_ptr<Cell>& cell) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (cell->state == Cell::State::kBlocked) {
    PushReady(cell);
  } else if (cell->state == Cell::State::kRunning) {
    cell->state = Cell::State::kRunningWoken;
  }
}

/// The next ready cell, marked as running; null when the lanes stop.
std::shared_ptr<Cell> Lanes::PopReady(std::unique_lock<std::mutex>& lock) {
  work_.wait(lock, [&] { return stopping_ || !ready_[0].empty() || !ready_[1].empty(); });
  if (stopping_) return nullptr;
  auto& queue = ready_[0].empty() ? ready_[1] : ready_[0];
  const auto taken = queue.begin() + static_cast<int64_t>(whim_.Below(queue.size()));
  auto cell = std::move(*taken);
  queue.erase(taken);
  cell->state = Cell::State::kRunning;
  return cell;
}

/// Files a cell after its step.
void Lanes::Settle(const std::shared_ptr<Cell>& cell, Step step) {
  if (step == Step::kDone) {
    cell->state = Cell::State::kGone;
    cells_.erase(cell);
  } else if (step == Step::kAgain || cell->state == Cell::State::kRunningWoken || whim_.Strikes(16)) {
    PushReady(cell);
  } else {
    cell->state = Cell::State::kBlocked;
  }
}

void Lanes::RunLane() {
  std::unique_lock lock(mutex_);
  while (auto cell = PopReady(lock)) {
    const bool dawdle = whim_.Strikes(8);
    lock.unlock();
    if (dawdle) std::this_thread::sleep_for(kDawdle);
    const Step step = cell->task->Run(cell->waker);
    lock.lock();
    Settle(cell, step);
    lock.unlock();
    // Destroys a finished task with no lock held, for it may call wakers.
    cell.reset();
    lock.lock();
  }
}

void Lanes::Stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  work_.notify_all();
  notified_.notify_all();
}

std::unordered_set<std::shared_ptr<Cell>> Lanes::TakeCells() {
  std::lock_guard lock(mutex_);
  for (auto& queue : ready_) queue.clear();
  return std::exchange(cells_, {});
}

void Lanes::WaitUntil(const std::function<bool()>& ready) {
  if (inherited()) return;
  std::unique_lock lock(mutex_);
  while (true) {
    const uint64_t seen = notifications_;
    lock.unlock();
    if (ready()) return;
    lock.lock();
    notified_.wait_for(lock, kReadyCheckInterval, [&] { return notifications_ != seen; });
  }
}

void Lanes::Notify() {
  if (inherited()) return;
  std::lock_guard lock(mutex_);
  ++notifications_;
  notified_.notify_all();
}

class ThreadScheduler : public Scheduler {
 public:
  ThreadScheduler(int lane_count, uint64_t hostile_seed) : lane_count_(lane_count), lanes_(std::make_shared<Lanes>(hostile_seed)) {}
  ~ThreadScheduler() override { ThreadScheduler::Shutdown(); }

  Status Start(Env& env);
  Status Submit(std::unique_ptr<Task> task, Priority priority) override { return lanes_->Submit(std::move(task), priority); }
  int lanes() const override { return lane_count_; }
  void WaitUntil(const std::function<bool()>& ready) override { lanes_->WaitUntil(ready); }
  void Notify() override { lanes_->Notify(); }
  void Shutdown() override;

 private:
  Status StartOne(Env& env, int number);
  void Leak();

  const int lane_count_;
  std::shared_ptr<Lanes> lanes_;
  std::mutex joining_;
  std::vector<std::thread> threads_;
};

Status ThreadScheduler::StartOne(Env& env, int number) {
  ARROW_RETURN_NOT_OK(env.BeforeThreadStart());
  try {
    threads_.emplace_back([lanes = lanes_, number] {
      pthread_setname_np(pthread_self(), ("ms-lane-" + std::to_string(number)).c_str());
      ScheduleAsBatchWork();
      lanes->RunLane();
    });
  } catch (const std::system_error& error) {
    return MakeError(ErrorKind::kOther, "Cannot start thread " + std::to_string(number + 1) + " of " + std::to_string(lane_count_) +
                                            " (look at ulimit -u and the pids limit of the cgroup): " + error.what());
  }
  return Status::OK();
}

Status ThreadScheduler::Start(Env& env) {
  const SignalsBlocked blocked;
  threads_.reserve(static_cast<size_t>(lane_count_));
  for (int number = 0; number < lane_count_; ++number) ARROW_RETURN_NOT_OK(StartOne(env, number));
  return Status::OK();
}

/// The threads do not exist in a forked child, and their locks may be held for ever: nothing of theirs may be destroyed.
void ThreadScheduler::Leak() {
  new std::shared_ptr<Lanes>(lanes_);
  new std::vector<std::thread>(std::move(threads_));
  threads_.clear();
}

void ThreadScheduler::Shutdown() {
  if (lanes_->inherited()) return Leak();
  lanes_->Stop();
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(joining_);
    threads.swap(threads_);
  }
  for (auto& thread : threads) {
    // A task that drops the last reference to its scheduler runs this on its own lane.
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else {
      thread.join();
    }
  }
  lanes_->TakeCells().clear();
}

}  // namespace

Result<std::shared_ptr<Scheduler>> MakeThreadScheduler(int lanes, std::shared_ptr<Env> env, uint64_t hostile_seed) {
  if (lanes < 1) return MakeError(ErrorKind::kInvalidArgument, "A scheduler needs at least one thread, not " + std::to_string(lanes));
  auto scheduler = std::make_shared<ThreadScheduler>(lanes, hostile_seed);
  ARROW_RETURN_NOT_OK(scheduler->Start(*env));
  return scheduler;
}

}  // namespace millstream
