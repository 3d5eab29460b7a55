#include "ingest/scan_stream.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "exchange/column_form.h"
#include "exec/stream_task.h"
#include "ingest/window_batcher.h"
#include "ops/scan_rows.h"

namespace millstream {
namespace {

constexpr int64_t kWindowBytesMax = 64 << 20;
constexpr int64_t kVaryingWidthGuess = 32;

int64_t RowBytesOf(const arrow::Schema& schema, const ScanSizes& sizes) {
  int64_t bytes = 1;
  for (int width : FlatWidths(schema)) bytes += width > 0 ? width : std::max(kVaryingWidthGuess, sizes.column_row_bytes_max);
  return bytes;
}

/// The tasks that a resume and a limit leave.
std::vector<ScanTask> TasksFor(const ScanSource& source, const ScanStreamOptions& options, bool filtered) {
  std::vector<ScanTask> tasks;
  int64_t rows = 0;
  for (ScanTask task : source.tasks()) {
    if (options.has_resume) {
      const bool before = task.source < options.resume.key ||
                          (task.source == options.resume.key && task.first_row + task.rows <= options.resume.ties);
      if (before) continue;
    }
    if (options.row_limit >= 0 && !filtered) {
      if (rows >= options.row_limit) break;
      int64_t skipped = 0;
      if (options.has_resume && task.source == options.resume.key) skipped = std::max<int64_t>(options.resume.ties - task.first_row, 0);
      task.rows = std::min(task.rows, options.row_limit - rows + skipped);
      rows += task.rows - skipped;
    }
    tasks.push_back(task);
  }
  return tasks;
}

struct ScanState {
  ScanState(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> scan_source, std::shared_ptr<const RowProgram> row_program)
      : core(std::move(engine)), source(std::move(scan_source)), program(std::move(row_program)) {}

  StreamCore core;
  std::shared_ptr<const ScanSource> source;
  std::shared_ptr<const RowProgram> program;
  ScanStreamOptions options;
  std::vector<ScanTask> tasks;
  int64_t window_rows = 0;
  int64_t windows_ahead = 1;   // of a task that is not the oldest
  StageStatistics scan{"ReadParquet"};
  StageStatistics output{"Batches"};
  std::vector<std::shared_ptr<BudgetPool>> lane_pools;
  std::shared_ptr<Ledger> ledger;

  struct TaskQueue {
    std::deque<ReadyWindow> windows;
    bool finished = false;
  };
  std::mutex mutex;
  // Guarded by mutex:
  size_t next_task = 0;     // to be given out
  size_t oldest_task = 0;   // the consumer's
  std::map<size_t, TaskQueue> queues;

  bool MayTake() const { return next_task < oldest_task + lane_pools.size() + 1; }
};

class ScanLane : public Task {
 public:
  ScanLane(const std::shared_ptr<ScanState>& state, std::shared_ptr<BudgetPool> pool)
      : count_(state->core), state_(state), pool_(std::move(pool)) {}

  Step Run(const Waker& waker) override {
    if (state_->core.cancellation().cancelled()) return Step::kDone;
    if (rows_ == nullptr && !TakeTask()) {
      std::lock_guard lock(state_->mutex);
      if (state_->next_task == state_->tasks.size()) return Step::kDone;
      if (!state_->MayTake()) {
        state_->core.Block(waker);
        return Step::kBlocked;
      }
      return Step::kAgain;
    }
    if (QueueFull(waker)) return Step::kBlocked;
    const Status status = ReadWindow();
    if (!status.ok()) {
      state_->core.Fail(status);
      return Step::kDone;
    }
    return Step::kAgain;
  }

 private:
  bool TakeTask() {
    {
      std::lock_guard lock(state_->mutex);
      if (state_->next_task == state_->tasks.size() || !state_->MayTake()) return false;
      task_ = state_->next_task++;
      state_->queues[task_];
    }
    auto opened = TaskRows::Open(*state_->source, state_->tasks[task_], state_->program, state_->window_rows, pool_->for_libraries());
    if (!opened.ok()) {
      state_->core.Fail(opened.status());
      return false;
    }
    rows_ = std::move(*opened);
    next_row_ = state_->tasks[task_].first_row;
    return true;
  }

  bool QueueFull(const Waker& waker) {
    std::lock_guard lock(state_->mutex);
    const auto& queue = state_->queues[task_];
    const int64_t most = task_ == state_->oldest_task ? std::max<int64_t>(state_->windows_ahead, 2) : state_->windows_ahead;
    if (static_cast<int64_t>(queue.windows.size()) < most) return false;
    state_->core.Block(waker);
    return true;
  }

  Status ReadWindow() {
    CpuTimer timer(&state_->scan.cpu_nanoseconds);
    auto memory = HandOverPool::Make(state_->ledger, state_->core.engine()->arena());
    ARROW_ASSIGN_OR_RAISE(auto window, rows_->Next(memory.get()));
    if (window.batch == nullptr) {
      rows_.reset();
      std::lock_guard lock(state_->mutex);
      state_->queues[task_].finished = true;
    } else {
      state_->scan.rows += window.input_rows;
      ReadyWindow ready{std::move(window.batch), std::move(memory), state_->tasks[task_].source, next_row_, std::move(window.selected)};
      DropConsumed(&ready);
      next_row_ += window.input_rows;
      std::lock_guard lock(state_->mutex);
      state_->queues[task_].windows.push_back(std::move(ready));
    }
    state_->core.engine()->scheduler()->Notify();
    return Status::OK();
  }

  /// Leaves out the rows that were consumed before the resume.
  void DropConsumed(ReadyWindow* ready) const {
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

  TaskCount count_;
  std::shared_ptr<ScanState> state_;
  std::shared_ptr<BudgetPool> pool_;
  size_t task_ = 0;
  int64_t next_row_ = 0;
  std::unique_ptr<TaskRows> rows_;
};

class ScanStream : public BatchStream {
 public:
  explicit ScanStream(std::shared_ptr<ScanState> state)
      : state_(std::move(state)), batcher_(state_->program->output, state_->options.batch_rows), rows_left_(state_->options.row_limit) {}
  ~ScanStream() override { Close(); }

  Status Start();
  const std::shared_ptr<arrow::Schema>& schema() const override { return state_->program->output; }
  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override;
  void Close() override {
    if (closed_) return;
    closed_ = true;
    state_->core.Stop();
    Release();
  }
  std::vector<const StageStatistics*> stages() const override { return {&state_->scan, &state_->output}; }

 private:
  /// Moves ready windows into the batcher; true at the end of the input. With the lock held.
  bool Drain();
  bool AnyReady() const;
  Status WaitForWindows(const std::function<bool()>& interrupted);
  /// Lets go of all memory, for a closed stream may be kept for long: by the traceback of what ended it, for one. No task is left.
  void Release() {
    state_->queues.clear();
    batcher_.Clear();
    state_->lane_pools.clear();
    state_->ledger.reset();
  }

  std::shared_ptr<ScanState> state_;
  WindowBatcher batcher_;
  int64_t rows_left_;
  bool at_end_ = false;
  bool closed_ = false;
};

Status ScanStream::Start() {
  ScanState& state = *state_;
  const auto& engine = state.core.engine();
  const int lanes = engine->scheduler()->lanes();
  const int64_t row_bytes = RowBytesOf(*state.program->output, state.source->sizes());
  const int64_t window_bytes = std::min(kWindowBytesMax, engine->options().memory_limit_bytes / (8 * lanes));
  state.tasks = TasksFor(*state.source, state.options, state.program->filter != nullptr);
  state.window_rows = std::max<int64_t>(window_bytes / row_bytes, 1);
  if (state.options.row_limit >= 0) state.window_rows = std::min(state.window_rows, std::max<int64_t>(state.options.row_limit, 1 << 10));
  ARROW_ASSIGN_OR_RAISE(state.ledger, Budget::Open(engine->budget(), "batches", 0));
  for (int lane = 0; lane < lanes; ++lane) {
    ARROW_ASSIGN_OR_RAISE(auto pool, engine->OpenPool("scan lane " + std::to_string(lane), 0));
    state.lane_pools.push_back(std::move(pool));
  }
  for (const ScanTask& task : state.tasks) state.scan.rows_expected += task.rows;
  for (const auto& pool : state.lane_pools) {
    ARROW_RETURN_NOT_OK(engine->scheduler()->Submit(std::make_unique<ScanLane>(state_, pool), Priority::kNormal));
  }
  return Status::OK();
}

bool ScanStream::Drain() {
  ScanState& state = *state_;
  for (;;) {
    if (state.oldest_task == state.tasks.size()) return true;
    const auto oldest = state.queues.find(state.oldest_task);
    if (oldest == state.queues.end()) return false;
    for (auto& entry : state.queues) {
      if (entry.first != state.oldest_task && state.options.preserve_order) break;
      auto& windows = entry.second.windows;
      while (!windows.empty() && batcher_.rows_waiting() < state.options.batch_rows) {
        batcher_.Add(std::move(windows.front()));
        windows.pop_front();
      }
    }
    if (!oldest->second.finished || !oldest->second.windows.empty()) return false;
    state.queues.erase(oldest);
    ++state.oldest_task;
  }
}

Status ScanStream::WaitForWindows(const std::function<bool()>& interrupted) {
  ScanState& state = *state_;
  bool stop = false;
  auto ready = [&] {
    if (state.core.cancellation().cancelled()) return true;
    if (interrupted && interrupted()) return stop = true;
    std::lock_guard lock(state.mutex);
    return state.oldest_task == state.tasks.size() || AnyReady();
  };
  const auto began = std::chrono::steady_clock::now();
  state.core.engine()->scheduler()->WaitUntil(ready);
  state.output.wait_in_nanoseconds += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  ARROW_RETURN_NOT_OK(state.core.cancellation().status());
  if (stop) return MakeError(ErrorKind::kCancelled, "interrupted");
  {
    std::lock_guard lock(state.mutex);
    at_end_ = Drain();
  }
  state.core.WakeAll();
  return Status::OK();
}

/// With the lock held.
bool ScanStream::AnyReady() const {
  for (const auto& [task, queue] : state_->queues) {
    if (!queue.windows.empty() || (task == state_->oldest_task && queue.finished)) return true;
    if (state_->options.preserve_order) return false;
  }
  return false;
}

Result<StreamBatch> ScanStream::Next(const std::function<bool()>& interrupted) {
  ScanState& state = *state_;
  if (closed_ || rows_left_ == 0) return StreamBatch{};
  while (!at_end_ && batcher_.rows_waiting() < state.options.batch_rows) ARROW_RETURN_NOT_OK(WaitForWindows(interrupted));
  int64_t rows = batcher_.rows_waiting();
  if (rows_left_ >= 0) rows = std::min(rows, rows_left_);
  if (rows == 0 || (rows < state.options.batch_rows && state.options.drop_last)) return StreamBatch{};
  ARROW_ASSIGN_OR_RAISE(auto batch, batcher_.Take(HandOverPool::Make(state.ledger, state.core.engine()->arena())));
  if (rows_left_ >= 0) {
    if (batch.data->num_rows() > rows_left_) batch.data = batch.data->Slice(0, rows_left_);
    rows_left_ -= batch.data->num_rows();
  }
  state.output.rows += batch.data->num_rows();
  return batch;
}

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenScanStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                    std::shared_ptr<const RowProgram> program, const ScanStreamOptions& options) {
  ARROW_RETURN_NOT_OK(engine->CheckAlive());
  auto state = std::make_shared<ScanState>(std::move(engine), std::move(source), std::move(program));
  state->options = options;
  auto stream = std::make_unique<ScanStream>(std::move(state));
  ARROW_RETURN_NOT_OK(stream->Start());
  return stream;
}

}  // namespace millstream
