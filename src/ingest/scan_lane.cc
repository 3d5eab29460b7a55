#include "ingest/scan_lane.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace millstream {
namespace {

/// A fourth or less. Windows begin at multiples of their size, old ones and new ones, but for those that held whole tasks.
int64_t SmallerWindow(int64_t rows, bool whole_tasks) {
  if (whole_tasks) return std::max<int64_t>(static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(rows))) / 4, 1);
  for (int64_t parts = 4; parts <= 64; ++parts) {
    if (rows % parts == 0) return rows / parts;
  }
  return 1;
}

}  // namespace

void ScanState::TakeTurns() {
  one_at_a_time = true;
  batches->TrySetFloor(0);
  for (Lane& lane : lanes) {
    lane.reading->ledger()->TrySetFloor(0);
    lane.windows->TrySetFloor(0);
  }
}

bool ScanState::OthersHold(size_t lane) const {
  for (size_t other = 0; other < lanes.size(); ++other) {
    if (other != lane && lanes[other].has_task) return true;
  }
  return std::any_of(queues.begin(), queues.end(), [&](const auto& entry) { return MustGiveBack(entry.first) && !entry.second.windows.empty(); });
}

bool ScanState::Drain(WindowBatcher* batcher) {
  for (;;) {
    if (oldest_task == tasks.size()) return true;
    const auto oldest = queues.find(oldest_task);
    if (oldest == queues.end()) return false;
    for (auto& [task, queue] : queues) {
      if (task != oldest_task && options.preserve_order) break;
      while (!queue.windows.empty() && batcher->RowsReady(false) == 0) {
        auto& front = queue.windows.front();
        --lanes[front.lane].windows_out;
        // Refused where rows are larger than planned: then it stays the lane's, which has less for what comes.
        (void)front.window.memory->TryMoveCharge(batches);
        batcher->Add(std::move(front.window));
        queue.windows.pop_front();
      }
    }
    if (!oldest->second.finished || !oldest->second.windows.empty()) return false;
    queues.erase(oldest);
    ++oldest_task;
  }
}

bool ScanState::AnyReady() const {
  for (const auto& [task, queue] : queues) {
    if (!queue.windows.empty() || (task == oldest_task && queue.finished)) return true;
    if (options.preserve_order) return false;
  }
  return false;
}

Step ScanLane::Run(const Waker& waker) {
  if (state_->core.cancellation().cancelled()) return Step::kDone;
  {
    // In one go: a lane that blocked after it was asked to give back would not be woken.
    std::unique_lock lock(state_->mutex);
    if (GiveBack()) {
      lock.unlock();
      state_->core.WakeAll();
      return Step::kAgain;
    }
    if (const auto wait = TakeTask(waker)) return *wait;
    if (const auto wait = WaitForRoom(waker)) return *wait;
  }
  const Status status = ReadWindow();
  if (status.ok()) return Step::kAgain;
  rows_.reset();
  if (KindOf(status) == ErrorKind::kBudget) return AfterRefusal(status, waker);
  state_->core.Fail(status);
  return Step::kDone;
}

bool ScanLane::GiveBack() {
  ScanState& state = *state_;
  bool gave = false;
  for (auto& [task, queue] : state.queues) {
    if (!state.MustGiveBack(task)) continue;
    const bool mine = lane().has_task && task_ == task;
    const bool held = !queue.windows.empty() && queue.windows.front().lane == lane_;
    if (held) {
      queue.next_row = queue.windows.front().begin_row;
      state.scan.rows -= (mine ? next_row_ : state.tasks[task].first_row + state.tasks[task].rows) - queue.next_row;
      lane().windows_out -= static_cast<int64_t>(queue.windows.size());
      queue.windows.clear();
      queue.finished = false;
    } else if (mine) {
      queue.next_row = next_row_;
    }
    if (!held && !mine) continue;
    state.returned.insert(task);
    gave = true;
    if (!mine) continue;
    rows_.reset();
    lane().has_task = false;
  }
  return gave;
}

std::optional<Step> ScanLane::TakeTask(const Waker& waker) {
  ScanState& state = *state_;
  if (lane().has_task) return std::nullopt;
  const bool returned = !state.returned.empty();
  if (!returned && state.next_task == state.tasks.size() && !state.one_at_a_time && lane().windows_out == 0) return Step::kDone;
  const size_t task = returned ? *state.returned.begin() : state.next_task;
  const bool may = task < state.tasks.size() && task < state.oldest_task + state.lanes.size() + 1 && !state.MustGiveBack(task);
  if (!may) {
    if (state.oldest_task == state.tasks.size()) return Step::kDone;
    state.core.Block(waker);
    return Step::kBlocked;
  }
  if (returned) {
    state.returned.erase(task);
  } else {
    ++state.next_task;
    state.queues[task].next_row = state.tasks[task].first_row;
  }
  task_ = task;
  next_row_ = state.queues[task].next_row;
  lane().has_task = true;
  return std::nullopt;
}

std::optional<Step> ScanLane::WaitForRoom(const Waker& waker) {
  if (lane().windows_out <= state_->plan.windows_ahead) return std::nullopt;
  state_->core.Block(waker);
  return Step::kBlocked;
}

Status ScanLane::OpenTask(int64_t window_rows) {
  const ScanTask& task = state_->tasks[task_];
  const bool smaller = window_rows < state_->plan.window_rows;
  const TaskRows::Options options{window_rows, smaller ? ColumnAccess::kReopened : state_->plan.access, next_row_ - task.first_row, state_->rows_before[task_]};
  return TaskRows::Open(*state_->source, task, state_->program, options, lane().reading->for_libraries()).Value(&rows_);
}

Status ScanLane::ReadWindow() {
  ScanState& state = *state_;
  CpuTimer timer(&state.scan.cpu_nanoseconds);
  if (rows_ == nullptr) {
    int64_t window_rows;
    {
      std::lock_guard lock(state.mutex);
      window_rows = state.window_rows;
    }
    ARROW_RETURN_NOT_OK(OpenTask(window_rows));
  }
  auto memory = HandOverPool::Make(lane().windows, state.core.engine()->arena());
  ARROW_ASSIGN_OR_RAISE(auto window, rows_->Next(memory.get()));
  {
    std::lock_guard lock(state.mutex);
    auto& queue = state.queues[task_];
    if (window.batch == nullptr) {
      queue.finished = true;
      lane().has_task = false;
      rows_.reset();
    } else {
      state.scan.rows += window.input_rows;
      state.scan.bytes += memory->bytes_allocated();
      ReadyWindow ready{std::move(window.batch), std::move(memory), state.tasks[task_].source, next_row_, std::move(window.selected), UnitOf(task_)};
      DropConsumed(&ready);
      queue.windows.push_back({std::move(ready), next_row_, lane_});
      ++lane().windows_out;
      next_row_ += window.input_rows;
    }
  }
  state.core.WakeConsumer();
  return Status::OK();
}

Step ScanLane::AfterRefusal(const Status& refusal, const Waker& waker) {
  ScanState& state = *state_;
  std::unique_lock lock(state.mutex);
  if (!state.one_at_a_time) {
    state.TakeTurns();
    lock.unlock();
    state.core.WakeAll();
    return Step::kAgain;
  }
  if (state.MustGiveBack(task_)) return Step::kAgain;
  if (state.OthersHold(lane_) || !state.consumer_waits || !state.queues[task_].windows.empty()) {
    state.core.Block(waker);
    return Step::kBlocked;
  }
  if (state.window_rows > 1) {
    state.window_rows = SmallerWindow(state.window_rows, state.plan.access == ColumnAccess::kOneByOne && state.window_rows == state.plan.window_rows);
    return Step::kAgain;
  }
  lock.unlock();
  state.core.Fail(refusal);
  return Step::kDone;
}

size_t ScanLane::UnitOf(size_t task) const {
  switch (state_->options.batches_within) {
    case BatchesWithin::kSource:
      return state_->tasks[task].source;
    case BatchesWithin::kTask:
      return task;
    case BatchesWithin::kWindow:
      return ++state_->windows_read;
    default:
      return 0;
  }
}

void ScanLane::DropConsumed(ReadyWindow* ready) const {
  const auto& options = state_->options;
  if (!options.has_resume || ready->source != options.resume.key || ready->first_row >= options.resume.ties) return;
  int64_t drop = options.resume.ties - ready->first_row;  // input rows
  if (ready->selected != nullptr) {
    const uint8_t* selected = ready->selected->data();
    const int64_t input = std::min(drop, ready->selected->size());
    drop = std::count_if(selected, selected + input, [](uint8_t kept) { return kept != 0; });
    if (drop == 0) return;
    std::memset(ready->selected->mutable_data(), 0, input);
  } else {
    ready->first_row += std::min(drop, ready->batch->num_rows());
  }
  ready->batch = ready->batch->Slice(std::min(drop, ready->batch->num_rows()));
}

}  // namespace millstream
