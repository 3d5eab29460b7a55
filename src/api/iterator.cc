#include "millstream/iterator.h"

#include <optional>

#include "api/resume_state.h"
#include "exec/engine.h"
#include "ingest/execute.h"
#include "plan/shuffle_seeds.h"

namespace millstream {

/// Where an iterator stands. The pass under way moves it; a pass that another one has followed no longer may.
struct IteratorState {
  std::optional<uint64_t> seed;
  uint64_t epoch = 0;
  uint64_t pass = 0;      // passes begun, and states loaded
  bool begun = false;     // a pass of `epoch`
  bool ordered = true;    // the pass under way keeps order
  bool finished = false;  // its end was seen
  std::optional<ResumePosition> position;
};

namespace {

std::optional<uint64_t> SeedFor(const PlanNode& plan) {
  const auto run = RunSeedOf(plan);
  return run.has_value() ? std::optional(run->seed) : std::nullopt;
}

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-9; }

StageReport ReportOf(const StageStatistics& stage) {
  return {stage.name,
          stage.rows_expected,
          stage.rows,
          stage.bytes,
          Seconds(stage.cpu_nanoseconds),
          Seconds(stage.wait_in_nanoseconds),
          Seconds(stage.wait_out_nanoseconds),
          stage.spilled_bytes,
          stage.read_back_bytes,
          stage.peak_memory_bytes};
}

/// Moves on to the epoch whose pass now begins.
void BeginEpoch(IteratorState* state) {
  if (state->begun || state->finished) {
    ++state->epoch;
    state->position.reset();
  }
  state->begun = true;
  state->finished = false;
  ++state->pass;
}

ExecuteOptions OptionsFor(const IteratorState& state, const IterationOptions& options) {
  ExecuteOptions execute;
  execute.seed = state.seed.value_or(0);
  execute.epoch = state.epoch;
  execute.batch_rows = options.batch_size;
  execute.drop_last = options.drop_last;
  execute.prefetch_batches = options.prefetch_batches;
  execute.preserve_order = options.preserve_order;
  if (state.position.has_value() && state.position->rows > 0) {
    execute.has_resume = true;
    execute.resume = state.position->stream;
    execute.rows_delivered = state.position->rows;
  }
  return execute;
}

/// Moves the position over the rows that it says to skip.
Status PassSkippedRows(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, IteratorState* state) {
  if (!state->position.has_value() || state->position->skip == 0) return Status::OK();
  IterationOptions options;
  options.batch_size = state->position->skip;
  ARROW_ASSIGN_OR_RAISE(auto stream, Execute(engine, plan, OptionsFor(*state, options)));
  ARROW_ASSIGN_OR_RAISE(const auto batch, stream->Next(nullptr));
  if (batch.data != nullptr) state->position = {batch.position, state->position->rows + batch.data->num_rows(), 0};
  return Status::OK();
}

}  // namespace

BatchIterator::BatchIterator(std::unique_ptr<BatchStream> stream, std::shared_ptr<IteratorState> state, uint64_t pass)
    : stream_(std::move(stream)), state_(std::move(state)), pass_(pass) {}

BatchIterator::~BatchIterator() = default;

const std::shared_ptr<arrow::Schema>& BatchIterator::schema() const { return stream_->schema(); }

Result<std::shared_ptr<arrow::RecordBatch>> BatchIterator::Next(const std::function<bool()>& interrupted) {
  ARROW_ASSIGN_OR_RAISE(auto batch, stream_->Next(interrupted));
  if (state_->pass != pass_) return std::move(batch.data);
  if (batch.data == nullptr) {
    state_->finished = !closed_;
  } else {
    const int64_t rows = state_->position.has_value() ? state_->position->rows : 0;
    state_->position = {batch.position, rows + batch.data->num_rows(), 0};
  }
  return std::move(batch.data);
}

std::vector<StageReport> BatchIterator::Statistics() const {
  std::vector<StageReport> reports;
  for (const StageStatistics* stage : stream_->stages()) reports.push_back(ReportOf(*stage));
  return reports;
}

void BatchIterator::Close() {
  closed_ = true;
  stream_->Close();
}

DataIterator::DataIterator(Context context, std::shared_ptr<const PlanNode> plan)
    : context_(std::move(context)), plan_(std::move(plan)), state_(std::make_shared<IteratorState>()) {
  state_->seed = SeedFor(*plan_);
}

DataIterator::DataIterator(DataIterator&&) noexcept = default;
DataIterator& DataIterator::operator=(DataIterator&&) noexcept = default;
DataIterator::~DataIterator() = default;

Result<std::unique_ptr<BatchIterator>> DataIterator::IterateBatches(const IterationOptions& options) {
  IteratorState next = *state_;
  BeginEpoch(&next);
  ARROW_RETURN_NOT_OK(PassSkippedRows(context_.engine_, plan_, &next));
  next.ordered = options.preserve_order || ShuffleOf(*plan_) != nullptr;
  const bool first = passes_ == nullptr;
  if (first) passes_ = std::make_unique<Passes>(context_.engine_, plan_);
  ARROW_ASSIGN_OR_RAISE(auto stream, passes_->Open(OptionsFor(next, options), first ? NextPass::kPossible : NextPass::kExpected));
  *state_ = next;
  return std::unique_ptr<BatchIterator>(new BatchIterator(std::move(stream), state_, next.pass));
}

uint64_t DataIterator::epoch() const { return state_->epoch; }

Result<std::string> DataIterator::StateJson() const {
  if (!state_->ordered && !state_->finished) {
    return MakeError(ErrorKind::kInvalidArgument, "a pass with preserve_order = false has no position to save before its end");
  }
  ARROW_ASSIGN_OR_RAISE(auto plan, FingerprintOf(*plan_));
  return FormatResumeState({std::move(plan), state_->seed, state_->epoch, state_->ordered ? state_->position : std::nullopt, state_->finished});
}

Status DataIterator::LoadStateJson(std::string_view json) {
  ARROW_ASSIGN_OR_RAISE(auto saved, ParseResumeState(json));
  ARROW_ASSIGN_OR_RAISE(const auto current, FingerprintOf(*plan_));
  ARROW_RETURN_NOT_OK(CheckSamePlan(saved.plan, current));
  if (saved.seed.has_value() != state_->seed.has_value()) return MakeError(ErrorKind::kInvalidArgument, "the saved seed does not go with this plan's shuffles");
  IteratorState loaded;
  loaded.seed = saved.seed;
  loaded.epoch = saved.epoch;
  loaded.pass = state_->pass + 1;  // a pass under way no longer moves the position
  loaded.finished = saved.finished;
  loaded.position = saved.position;
  *state_ = loaded;
  return Status::OK();
}

}  // namespace millstream
