#include "millstream/iterator.h"

#include <random>

#include "api/resume_state.h"
#include "exec/engine.h"
#include "ingest/execute.h"

namespace millstream {

/// Where an iterator stands. The pass under way moves it; a pass that another one has followed no longer may.
struct IteratorState {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t pass = 0;           // passes begun
  bool resumed = false;        // the next pass is the rest of `epoch`
  bool ordered = true;         // the pass under way keeps order
  int64_t rows_delivered = 0;  // of `epoch`
  StreamPosition position;
};

namespace {

uint64_t DrawSeed() {
  std::random_device device;
  return (uint64_t{device()} << 31) ^ device();
}

uint64_t SeedFor(const PlanNode& plan) {
  const PlanNode* shuffle = ShuffleOf(plan);
  if (shuffle == nullptr) return 0;
  return shuffle->seed_kind == SeedKind::kUnset ? DrawSeed() : shuffle->seed;
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
  if (!state->resumed && state->pass > 0) {
    ++state->epoch;
    state->rows_delivered = 0;
    state->position = {};
  }
  state->resumed = false;
  ++state->pass;
}

ExecuteOptions OptionsFor(const IteratorState& state, const IterationOptions& options) {
  ExecuteOptions execute;
  execute.seed = state.seed;
  execute.epoch = state.epoch;
  execute.batch_rows = options.batch_size;
  execute.drop_last = options.drop_last;
  execute.prefetch_batches = options.prefetch_batches;
  execute.preserve_order = options.preserve_order;
  execute.has_resume = state.rows_delivered > 0;
  execute.resume = state.position;
  execute.rows_delivered = state.rows_delivered;
  return execute;
}

}  // namespace

BatchIterator::BatchIterator(std::unique_ptr<BatchStream> stream, std::shared_ptr<IteratorState> state, uint64_t pass)
    : stream_(std::move(stream)), state_(std::move(state)), pass_(pass) {}

BatchIterator::~BatchIterator() = default;

const std::shared_ptr<arrow::Schema>& BatchIterator::schema() const { return stream_->schema(); }

Result<std::shared_ptr<arrow::RecordBatch>> BatchIterator::Next(const std::function<bool()>& interrupted) {
  ARROW_ASSIGN_OR_RAISE(auto batch, stream_->Next(interrupted));
  if (batch.data != nullptr && state_->pass == pass_) {
    state_->position = batch.position;
    state_->rows_delivered += batch.data->num_rows();
  }
  return std::move(batch.data);
}

std::vector<StageReport> BatchIterator::Statistics() const {
  std::vector<StageReport> reports;
  for (const StageStatistics* stage : stream_->stages()) reports.push_back(ReportOf(*stage));
  return reports;
}

void BatchIterator::Close() { stream_->Close(); }

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
  next.ordered = options.preserve_order || ShuffleOf(*plan_) != nullptr;
  ARROW_ASSIGN_OR_RAISE(auto stream, Execute(context_.engine_, plan_, OptionsFor(next, options)));
  *state_ = next;
  return std::unique_ptr<BatchIterator>(new BatchIterator(std::move(stream), state_, next.pass));
}

uint64_t DataIterator::epoch() const { return state_->epoch; }

Result<std::string> DataIterator::StateJson() const {
  if (!state_->ordered) return MakeError(ErrorKind::kInvalidArgument, "a pass with preserve_order = false has no position to save");
  ResumeState saved;
  ARROW_ASSIGN_OR_RAISE(saved.fingerprint, FingerprintOf(*plan_));
  saved.seed = state_->seed;
  saved.epoch = state_->epoch;
  saved.rows_delivered = state_->rows_delivered;
  saved.position = state_->position;
  return FormatResumeState(saved);
}

Status DataIterator::LoadStateJson(std::string_view json) {
  ARROW_ASSIGN_OR_RAISE(const auto saved, ParseResumeState(json));
  ARROW_ASSIGN_OR_RAISE(const auto current, FingerprintOf(*plan_));
  ARROW_RETURN_NOT_OK(CheckSamePlan(saved.fingerprint, current));
  IteratorState loaded;
  loaded.seed = saved.seed;
  loaded.epoch = saved.epoch;
  loaded.pass = state_->pass + 1;  // a pass under way no longer moves the position
  loaded.resumed = true;
  loaded.rows_delivered = saved.rows_delivered;
  loaded.position = saved.position;
  *state_ = loaded;
  return Status::OK();
}

}  // namespace millstream
