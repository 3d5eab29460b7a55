#include "ingest/scan_stream.h"

#include <algorithm>

#include "ingest/scan_lane.h"

namespace millstream {
namespace {

/// A filter may keep few rows: reading little more than a limit asks for is not worth a window of its own.
constexpr int64_t kLimitedWindowRowsMin = 1 << 10;

/// Of each task, in what batches are cut within.
std::vector<int64_t> RowsBefore(const std::vector<ScanTask>& tasks, BatchesWithin within) {
  std::vector<int64_t> before;
  int64_t rows = 0;
  for (size_t task = 0; task < tasks.size(); ++task) {
    const bool another = within == BatchesWithin::kTask || within == BatchesWithin::kWindow || (within == BatchesWithin::kSource && task > 0 && tasks[task].source != tasks[task - 1].source);
    if (another) rows = 0;
    before.push_back(rows);
    rows += tasks[task].rows;
  }
  return before;
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

class ScanStream : public PolledStream {
 public:
  explicit ScanStream(std::shared_ptr<ScanState> state)
      : PolledStream(*state->core.engine()), state_(std::move(state)), batcher_(state_->options.batch_rows), rows_left_(state_->options.row_limit) {}
  ~ScanStream() override { Close(); }

  Status Start();
  const std::shared_ptr<arrow::Schema>& schema() const override { return state_->program->output; }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override;
  void Close() override {
    if (closed_) return;
    closed_ = true;
    state_->core.Stop();
    UpdateStatistics();
    Release();
  }
  std::vector<const StageStatistics*> stages() const override {
    UpdateStatistics();
    return {&state_->scan, &state_->output};
  }

 protected:
  StageStatistics* waiting_statistics() override { return &state_->output; }

 private:
  void UpdateStatistics() const;
  Status OpenLedgers();
  /// Lets go of all memory, for a closed stream may be kept for long: by the traceback of what ended it, for one. No task is left.
  void Release() {
    state_->queues.clear();
    batcher_.Clear();
    std::lock_guard lock(state_->mutex);
    state_->lanes.clear();
    state_->batches.reset();
  }
  /// False where there are none yet: then the waker is kept.
  bool TakeWindows(const Waker& waker);
  Result<std::optional<StreamBatch>> TakeBatch(const Waker& waker);
  StreamBatch Cut(StreamBatch batch);
  /// Others need the memory that was reserved.
  StreamBatch End() {
    std::lock_guard lock(state_->mutex);
    for (auto& lane : state_->lanes) {
      lane.reading->ledger()->TrySetFloor(0);
      lane.windows->TrySetFloor(0);
    }
    if (state_->batches != nullptr) state_->batches->TrySetFloor(0);
    return {};
  }

  std::shared_ptr<ScanState> state_;
  WindowBatcher batcher_;
  int64_t rows_left_;
  bool at_end_ = false;
  bool refused_ = false;  // memory for the next batch
  bool closed_ = false;
};

Status ScanStream::Start() {
  ScanState& state = *state_;
  const auto& engine = state.core.engine();
  state.tasks = TasksFor(*state.source, state.options, state.program->drops_rows());
  state.rows_before = RowsBefore(state.tasks, state.options.batches_within);
  ScanPlanSizes sizes{state.options.batch_rows, state.options.prefetch_batches, engine->scheduler()->lanes()};
  if (state.options.row_limit >= 0) sizes.window_rows_max = std::max<int64_t>(state.options.row_limit, kLimitedWindowRowsMin);
  sizes.window_bytes_max = state.options.window_bytes_max;
  sizes.limit_bytes = engine->budget()->limit_bytes();
  sizes.free_bytes = std::min(engine->budget()->free_bytes(), sizes.limit_bytes - state.options.memory_kept_bytes);
  sizes.shared_out = state.options.memory_kept_bytes > 0;
  ARROW_ASSIGN_OR_RAISE(state.plan, PlanScan(*state.source, state.tasks, *state.program, sizes));
  state.window_rows = state.plan.window_rows;
  ARROW_RETURN_NOT_OK(OpenLedgers());
  for (const ScanTask& task : state.tasks) state.scan.rows_expected += task.rows;
  for (size_t lane = 0; lane < state.lanes.size(); ++lane) {
    ARROW_RETURN_NOT_OK(engine->scheduler()->Submit(std::make_unique<ScanLane>(state_, lane), Priority::kNormal));
  }
  return Status::OK();
}

Status ScanStream::OpenLedgers() {
  ScanState& state = *state_;
  const auto& engine = state.core.engine();
  ARROW_ASSIGN_OR_RAISE(state.batches, Budget::Open(engine->budget(), "batches", state.plan.batch_floor));
  for (int lane = 0; lane < state.plan.lanes; ++lane) {
    auto& memory = state.lanes.emplace_back();
    ARROW_ASSIGN_OR_RAISE(memory.reading, engine->OpenPool("scan lane " + std::to_string(lane), state.plan.read_floor));
    ARROW_ASSIGN_OR_RAISE(memory.windows, Budget::Open(engine->budget(), "windows of lane " + std::to_string(lane), state.plan.window_floor));
  }
  return Status::OK();
}

void ScanStream::UpdateStatistics() const {
  std::lock_guard lock(state_->mutex);
  if (state_->lanes.empty()) return;
  int64_t peak = 0;
  for (const auto& lane : state_->lanes) peak += lane.reading->ledger()->peak_bytes() + lane.windows->peak_bytes();
  state_->scan.peak_memory_bytes = peak;
  if (state_->batches != nullptr) state_->output.peak_memory_bytes = state_->batches->peak_bytes();
}

bool ScanStream::TakeWindows(const Waker& waker) {
  ScanState& state = *state_;
  bool ready;
  bool tell;
  {
    std::lock_guard lock(state.mutex);
    ready = state.oldest_task == state.tasks.size() || state.AnyReady();
    tell = ready || (state.one_at_a_time && !state.consumer_waits);
    state.consumer_waits = !ready;
    if (ready) at_end_ = state.Drain(&batcher_);
    else state.core.BlockConsumer(waker);
  }
  if (tell) state.core.WakeBlocked();
  return ready;
}

Result<std::optional<StreamBatch>> ScanStream::TakeBatch(const Waker& waker) {
  ScanState& state = *state_;
  for (;;) {
    auto batch = batcher_.Take(HandOverPool::Make(state.batches, state.core.engine()->arena()));
    const bool refused = !batch.ok() && KindOf(batch.status()) == ErrorKind::kBudget;
    if (!refused && !refused_) return batch;
    bool wait = false;
    const bool first = !std::exchange(refused_, refused);
    {
      // Rows are larger than was planned for. What the lanes hold can be read again.
      std::lock_guard lock(state.mutex);
      if (refused && first) state.TakeTurns();
      wait = refused && state.OthersHold(state.lanes.size());
      if (refused && !first && !wait) refused_ = false;
      state.consumer_refused = refused_;
      if (wait) state.core.BlockConsumer(waker);
    }
    state.core.WakeBlocked();
    if (wait) return std::nullopt;
    if (!refused_) return batch;
  }
}

Result<std::optional<StreamBatch>> ScanStream::TryNext(const Waker& waker) {
  ScanState& state = *state_;
  if (closed_ || rows_left_ == 0) return End();
  ARROW_RETURN_NOT_OK(state.core.cancellation().status());
  while (!at_end_ && batcher_.RowsReady(false) == 0) {
    if (!TakeWindows(waker)) return std::nullopt;
  }
  int64_t rows = batcher_.RowsReady(true);
  if (rows_left_ >= 0) rows = std::min(rows, rows_left_);
  if (rows == 0 || (rows < state.options.batch_rows && state.options.drop_last)) return End();
  ARROW_ASSIGN_OR_RAISE(auto batch, TakeBatch(waker));
  if (!batch.has_value()) return batch;
  return Cut(std::move(*batch));
}

StreamBatch ScanStream::Cut(StreamBatch batch) {
  // Of rows that a filter left these are not their numbers in the source, but no others have them.
  batch.first_row = batch.position.ties - batch.data->num_rows();
  if (rows_left_ >= 0) {
    if (batch.data->num_rows() > rows_left_) batch.data = batch.data->Slice(0, rows_left_);
    rows_left_ -= batch.data->num_rows();
  }
  batch.source = static_cast<uint32_t>(batch.position.key);
  state_->output.rows += batch.data->num_rows();
  return batch;
}

}  // namespace

Result<PolledStreamPtr> OpenScanStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                    std::shared_ptr<const RowProgram> program, const ScanStreamOptions& options) {
  ARROW_RETURN_NOT_OK(engine->CheckAlive());
  auto state = std::make_shared<ScanState>(std::move(engine), std::move(source), std::move(program));
  state->options = options;
  auto stream = std::make_unique<ScanStream>(std::move(state));
  ARROW_RETURN_NOT_OK(stream->Start());
  return stream;
}

}  // namespace millstream
