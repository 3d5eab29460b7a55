#include "ingest/execute.h"

#include <algorithm>
#include <mutex>

#include "ingest/describe_execution.h"
#include "ingest/fold_plan.h"
#include "ingest/scan_stream.h"
#include "ingest/shuffle_stream.h"

namespace millstream {
namespace {

/// Ends a shuffled stream after so many rows; a batch that this makes shorter than `batch_rows_min` is left out.
class LimitStream : public BatchStream {
 public:
  LimitStream(std::unique_ptr<BatchStream> input, int64_t rows, int64_t batch_rows_min)
      : input_(std::move(input)), left_(rows), batch_rows_min_(batch_rows_min) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }
  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override {
    if (left_ == 0) {
      input_->Close();
      return StreamBatch{};
    }
    ARROW_ASSIGN_OR_RAISE(auto batch, input_->Next(interrupted));
    if (batch.data == nullptr) return batch;
    if (batch.data->num_rows() > left_) batch.data = batch.data->Slice(0, left_);
    left_ -= batch.data->num_rows();
    if (batch.data->num_rows() < batch_rows_min_) return StreamBatch{};
    return batch;
  }
  void Close() override { input_->Close(); }
  std::vector<const StageStatistics*> stages() const override { return input_->stages(); }

 private:
  std::unique_ptr<BatchStream> input_;
  int64_t left_;
  const int64_t batch_rows_min_;
};

Status CheckOptions(const ExecuteOptions& options) {
  if (options.batch_rows > 0) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, "batch_size must be at least 1, got " + std::to_string(options.batch_rows));
}

ScanStreamOptions ScanOptions(const ExecuteOptions& options, int64_t limit) {
  ScanStreamOptions scan;
  scan.batch_rows = options.batch_rows;
  scan.drop_last = options.drop_last;
  scan.prefetch_batches = options.prefetch_batches;
  scan.preserve_order = options.preserve_order;
  scan.row_limit = limit;
  scan.has_resume = options.has_resume;
  scan.resume = options.resume;
  return scan;
}

ShuffleStreamOptions ShuffleOptionsOf(const ExecuteOptions& options, const FoldedPlan& folded) {
  const PlanNode& node = *folded.shuffle;
  const bool fixed = node.seed_kind == SeedKind::kFixed;
  ShuffleStreamOptions shuffle;
  shuffle.seed = fixed ? node.seed : options.seed;
  shuffle.epoch = fixed ? 0 : options.epoch;
  shuffle.batch_rows = options.batch_rows;
  shuffle.drop_last = options.drop_last;
  shuffle.prefetch_batches = options.prefetch_batches;
  shuffle.has_resume = options.has_resume;
  shuffle.resume = options.resume;
  shuffle.source_name = folded.source_name;
  shuffle.memory_kept_bytes = options.memory_kept_bytes;
  return shuffle;
}

int64_t LimitLeft(const FoldedPlan& folded, const ExecuteOptions& options) {
  return folded.limit < 0 ? -1 : std::max<int64_t>(folded.limit - options.rows_delivered, 0);
}

std::unique_ptr<BatchStream> Limited(std::unique_ptr<BatchStream> stream, int64_t limit, const ExecuteOptions& options) {
  if (limit < 0) return stream;
  return std::make_unique<LimitStream>(std::move(stream), limit, options.drop_last ? options.batch_rows : 0);
}

/// Rows stay in memory until the next epoch has been made of them, with room to spare for what others hold meanwhile.
bool MayKeep(const ShufflePlan& plan, int64_t limit) { return !plan.two_passes() && plan.bytes() + plan.floor_bytes() + limit / 8 <= limit; }

/// Twice the data in memory, and room to spare.
bool FitsBeside(const ShufflePlan& plan, int64_t limit) { return 2 * (plan.bytes() + plan.floor_bytes()) <= limit; }

}  // namespace

Result<std::unique_ptr<BatchStream>> Execute(std::shared_ptr<Engine> engine, const PlanPtr& plan, const ExecuteOptions& options) {
  return Passes(std::move(engine), plan).Open(options, /*next_pass_expected=*/false);
}

/// What is held for the epoch after this one: the rows of the last one, and the write phase that was started ahead.
class Passes::Ahead : public SpareMemory {
 public:
  void GiveUp() override {
    std::lock_guard lock(mutex);
    if (prepared != nullptr) std::exchange(prepared, nullptr)->Release();
    if (last != nullptr) std::exchange(last, nullptr)->EndKeeping();
  }

  bool Serves(const ShuffleStreamOptions& wanted) const {
    return prepared != nullptr && !wanted.has_resume && wanted.seed == options.seed && wanted.epoch == options.epoch &&
           wanted.batch_rows == options.batch_rows && wanted.prefetch_batches == options.prefetch_batches &&
           !prepared->core().cancellation().cancelled();
  }

  std::mutex mutex;
  // Guarded by mutex:
  std::shared_ptr<ScatterPhase> last;      // keeps its rows
  std::shared_ptr<ScatterPhase> prepared;
  ShuffleStreamOptions options;            // of `prepared`
};

Passes::Passes(std::shared_ptr<Engine> engine, PlanPtr plan) : engine_(std::move(engine)), plan_(std::move(plan)), ahead_(std::make_shared<Ahead>()) {
  engine_->AddSpareMemory(ahead_);
}
Passes::~Passes() { Close(); }
void Passes::Close() { ahead_->GiveUp(); }

Result<std::unique_ptr<BatchStream>> Passes::Open(const ExecuteOptions& options, bool next_pass_expected) {
  ARROW_RETURN_NOT_OK(CheckOptions(options));
  ARROW_RETURN_NOT_OK(engine_->CheckAlive());
  engine_->ReclaimSpareMemory(ahead_.get());
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *plan_));
  const int64_t limit = LimitLeft(folded, options);
  if (folded.shuffle == nullptr) return OpenScanStream(engine_, folded.source, folded.program, ScanOptions(options, limit));
  const ShuffleStreamOptions shuffle = ShuffleOptionsOf(options, folded);
  const int64_t memory = engine_->options().memory_limit_bytes;
  std::lock_guard lock(ahead_->mutex);
  ARROW_ASSIGN_OR_RAISE(const auto scatter, TakeScatter(folded, shuffle));
  const ShufflePlan& plan = scatter->inputs().plan;
  const bool keep = next_pass_expected && MayKeep(plan, memory);
  if (keep) {
    scatter->KeepRows();
    ahead_->last = scatter;
  }
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenShuffleStream(scatter, shuffle));
  ARROW_RETURN_NOT_OK(scatter->Start(Priority::kNormal));
  scatter->Promote();
  if (next_pass_expected && FitsBeside(plan, memory) && !engine_->options().always_spill) Prepare(folded, shuffle, scatter);
  return Limited(std::move(stream), limit, options);
}

/// The write phase of the epoch: prepared already, or over the rows that the last one kept, or over the scan.
Result<std::shared_ptr<ScatterPhase>> Passes::TakeScatter(const FoldedPlan& folded, const ShuffleStreamOptions& options) {
  const auto last = std::move(ahead_->last);
  const bool serves = ahead_->Serves(options);
  auto prepared = std::move(ahead_->prepared);
  if (serves) return prepared;
  if (prepared != nullptr) prepared->Release();
  if (last != nullptr) {
    auto made = MakeScatterPhase(engine_, folded.source, folded.program, options, {last, last->stream_ended()});
    if (made.ok()) return made;
    last->EndKeeping();
  }
  return MakeScatterPhase(engine_, folded.source, folded.program, options);
}

void Passes::Prepare(const FoldedPlan& folded, ShuffleStreamOptions options, const std::shared_ptr<ScatterPhase>& running) {
  options.has_resume = false;
  if (folded.shuffle->seed_kind != SeedKind::kFixed) ++options.epoch;
  auto scatter = MakeScatterPhase(engine_, folded.source, folded.program, options, {running, false});
  // Preparing is a favour: what stands in its way will be met, and told, by the epoch itself.
  if (!scatter.ok()) return;
  ahead_->prepared = std::move(*scatter);
  ahead_->options = options;
  running->WhenFinished([weak = std::weak_ptr<ScatterPhase>(ahead_->prepared)] {
    if (const auto prepared = weak.lock()) static_cast<void>(prepared->Start(Priority::kLow));
  });
}

Result<std::string> ExplainExecution(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options) {
  ARROW_RETURN_NOT_OK(CheckOptions(options));
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine, *plan));
  return DescribeExecution(*engine, folded, options);
}

}  // namespace millstream
