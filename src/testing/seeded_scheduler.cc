#include "testing/seeded_scheduler.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millstream {
namespace {

constexpr int kStallTurnsMax = 8;

struct SeededCell {
  std::unique_ptr<Task> task;
  Priority priority;
  bool ready = true;
  int stalled_turns = 0;
  Waker waker;
};

/// Wakers may be called from other threads (a user's thread that drops a buffer) and after the scheduler is gone.
struct Shared {
  std::mutex mutex;
  std::vector<std::shared_ptr<SeededCell>> cells;
  bool stopped = false;
};

bool AnyReady(const std::vector<std::shared_ptr<SeededCell>>& cells) {
  return std::any_of(cells.begin(), cells.end(), [](const auto& cell) { return cell->ready; });
}

class SeededScheduler : public Scheduler {
 public:
  explicit SeededScheduler(SeededOptions options) : options_(options), random_(options.seed) {}
  ~SeededScheduler() override { SeededScheduler::Shutdown(); }

  Status Submit(std::unique_ptr<Task> task, Priority priority) override;
  int lanes() const override { return options_.lanes; }
  void WaitUntil(const std::function<bool()>& ready) override;
  void Notify() override {}
  void Shutdown() override;

 private:
  bool Chance(double rate) { return std::uniform_real_distribution<>(0, 1)(random_) < rate; }
  std::shared_ptr<SeededCell> Pick();
  void RunStep(const std::shared_ptr<SeededCell>& cell);

  const SeededOptions options_;
  std::mt19937_64 random_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

Status SeededScheduler::Submit(std::unique_ptr<Task> task, Priority priority) {
  auto cell = std::make_shared<SeededCell>();
  cell->task = std::move(task);
  cell->priority = priority;
  cell->waker = [weak_shared = std::weak_ptr(shared_), weak_cell = std::weak_ptr(cell)] {
    const auto shared = weak_shared.lock();
    const auto woken = weak_cell.lock();
    if (shared == nullptr || woken == nullptr) return;
    std::lock_guard lock(shared->mutex);
    woken->ready = true;
  };
  std::lock_guard lock(shared_->mutex);
  if (shared_->stopped) return MakeError(ErrorKind::kCancelled, "The scheduler is shut down");
  shared_->cells.push_back(std::move(cell));
  return Status::OK();
}

/// The cell to run next, no longer marked ready; null if all are blocked or stalled.
std::shared_ptr<SeededCell> SeededScheduler::Pick() {
  std::lock_guard lock(shared_->mutex);
  // Only beside a ready task: a run without a wake must not hide that a wake was lost.
  const bool any_ready = AnyReady(shared_->cells);
  std::vector<std::shared_ptr<SeededCell>> normal, low;
  for (const auto& cell : shared_->cells) {
    if (!cell->ready && !(any_ready && Chance(options_.spurious_wake_rate))) continue;
    if (cell->stalled_turns > 0) {
      --cell->stalled_turns;
    } else if (Chance(options_.stall_rate)) {
      cell->stalled_turns = 1 + static_cast<int>(random_() % kStallTurnsMax);
    } else {
      (cell->priority == Priority::kLow ? low : normal).push_back(cell);
    }
  }
  // With several lanes a low task runs beside normal ones, so now and then it comes first here.
  auto& candidates = normal.empty() || (!low.empty() && Chance(0.1)) ? low : normal;
  if (candidates.empty()) return nullptr;
  auto cell = candidates[random_() % candidates.size()];
  cell->ready = false;
  return cell;
}

void SeededScheduler::RunStep(const std::shared_ptr<SeededCell>& cell) {
  const Step step = cell->task->Run(cell->waker);
  std::lock_guard lock(shared_->mutex);
  if (step == Step::kAgain) cell->ready = true;
  if (step == Step::kDone) std::erase(shared_->cells, cell);
}

void SeededScheduler::WaitUntil(const std::function<bool()>& ready) {
  auto last_step = std::chrono::steady_clock::now();
  while (!ready()) {
    if (const auto cell = Pick()) {
      RunStep(cell);
      last_step = std::chrono::steady_clock::now();
      continue;
    }
    std::unique_lock lock(shared_->mutex);
    const bool any_ready = AnyReady(shared_->cells);
    lock.unlock();
    if (any_ready) continue;
    if (std::chrono::steady_clock::now() - last_step > options_.deadlock_after) {
      throw std::runtime_error("Nothing can run any more under the seeded scheduler, seed " + std::to_string(options_.seed));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

void SeededScheduler::Shutdown() {
  std::vector<std::shared_ptr<SeededCell>> cells;
  std::lock_guard lock(shared_->mutex);
  shared_->stopped = true;
  cells.swap(shared_->cells);
}

}  // namespace

std::shared_ptr<Scheduler> MakeSeededScheduler(SeededOptions options) { return std::make_shared<SeededScheduler>(options); }

}  // namespace millstream
