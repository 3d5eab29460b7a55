#include "ingest/execute.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "ingest/describe_execution.h"
#include "ingest/describe_stages.h"
#include "exec/row_streams.h"
#include "ingest/fold_plan.h"
#include "ingest/open_rows.h"
#include "ingest/scan_stream.h"
#include "ingest/shuffle_stream.h"
#include "plan/narrow_files.h"
#include "plan/shuffle_seeds.h"

namespace millstream {
namespace {

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
  scan.memory_kept_bytes = options.memory_kept_bytes;
  scan.window_bytes_max = options.window_bytes_max;
  return scan;
}

ShuffleStreamOptions ShuffleOptionsOf(const ExecuteOptions& options, const FoldedPlan& folded) {
  const PlanNode& node = *folded.shuffle;
  ShuffleStreamOptions shuffle;
  shuffle.seed = node.seed;
  shuffle.epoch = node.seed_kind == SeedKind::kFixed ? 0 : options.epoch;
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

PolledStreamPtr Limited(PolledStreamPtr stream, const Engine& engine, int64_t limit, const ExecuteOptions& options) {
  if (limit < 0) return stream;
  return OpenLimitStream(engine, std::move(stream), limit, options.drop_last ? options.batch_rows : 0);
}

/// Rows stay in memory until the next epoch has been made of them, with room to spare for what others hold meanwhile.
bool MayKeep(const ShufflePlan& plan, const EngineOptions& options) {
  const int64_t limit = options.memory_limit_bytes;
  return !options.always_spill && !plan.two_passes() && plan.bytes() + plan.floor_bytes() + limit / 8 <= limit;
}

/// Rows that memory cannot keep are kept on disk where that has room for them beside those of a shuffle, and is much faster than scanning them. Writing
/// and reading them costs two transfers now and saves a scan less one transfer in each epoch after this: where a transfer takes half as long as a scan, that has
/// paid for itself after two of those.
bool MayKeepOnDisk(Engine& engine, const ScanSource& source, const ShufflePlan& plan, int64_t scan_nanoseconds) {
  if (!plan.may_spill) return false;
  if (engine.options().always_keep_on_disk) return true;
  if (source.sizes().decode_bytes_max == 0) return false;  // in memory already
  const auto area = engine.spill();
  if (!area.ok() || (*area)->nanoseconds_per_byte() == 0 || plan.bytes() * 5 / 2 > (*area)->bytes_left()) return false;
  return 2 * static_cast<double>(plan.bytes()) * (*area)->nanoseconds_per_byte() <= static_cast<double>(scan_nanoseconds);
}

/// Twice the data in memory, and room to spare.
bool FitsBeside(const ShufflePlan& plan, int64_t limit) { return 2 * (plan.bytes() + plan.floor_bytes()) <= limit; }

}  // namespace

Result<std::unique_ptr<BatchStream>> Execute(std::shared_ptr<Engine> engine, const PlanPtr& plan, const ExecuteOptions& options) {
  return Passes(std::move(engine), plan).Open(options, NextPass::kNone);
}

/// One pass of a shuffled plan, opened.
struct Passes::Epoch {
  std::shared_ptr<ScatterPhase> scatter;
  PolledStreamPtr stream;
  ShuffleStreamOptions options;

  bool Serves(const ShuffleStreamOptions& wanted) const {
    return !wanted.has_resume && wanted.seed == options.seed && wanted.epoch == options.epoch && wanted.batch_rows == options.batch_rows &&
           wanted.drop_last == options.drop_last && wanted.prefetch_batches == options.prefetch_batches &&
           !scatter->core().cancellation().cancelled();
  }
  /// Stops its lanes and gives everything back.
  void End() {
    scatter->EndKeeping();
    stream->Close();
  }
};

/// What is held for the epoch after this one: the rows of the last one, and the stream that was opened ahead.
class Passes::Ahead : public SpareMemory {
 public:
  void GiveUp() override {
    std::lock_guard lock(mutex);
    if (prepared.has_value()) prepared->End();
    prepared.reset();
    if (last != nullptr && last->disk_rows() == nullptr) EndLast();
  }
  void Close() {
    GiveUp();
    std::lock_guard lock(mutex);
    EndLast();
  }

  std::mutex mutex;
  // Guarded by mutex:
  std::shared_ptr<ScatterPhase> last;  // may keep its rows
  std::optional<Epoch> prepared;

 private:
  void EndLast() {
    if (last != nullptr) std::exchange(last, nullptr)->EndKeeping();
  }
};

Passes::Passes(std::shared_ptr<Engine> engine, PlanPtr plan) : engine_(std::move(engine)), plan_(std::move(plan)), ahead_(std::make_shared<Ahead>()) {
  engine_->AddSpareMemory(ahead_);
}
Passes::~Passes() { Close(); }
void Passes::Close() { ahead_->Close(); }

Result<std::unique_ptr<BatchStream>> Passes::Open(const ExecuteOptions& options, NextPass next) {
  ARROW_RETURN_NOT_OK(CheckOptions(options));
  ARROW_RETURN_NOT_OK(engine_->CheckAlive());
  engine_->ReclaimSpareMemory(ahead_.get());
  const PlanPtr plan = NarrowFiles(SettleSeeds(plan_, options.seed));
  if (!HasPositions(*plan)) return OpenPlan(engine_, plan, options);
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *plan));
  const int64_t limit = LimitLeft(folded, options);
  if (folded.shuffle == nullptr) return OpenScanStream(engine_, folded.source, folded.program, ScanOptions(options, limit));
  std::lock_guard lock(ahead_->mutex);
  ARROW_ASSIGN_OR_RAISE(auto epoch, TakeEpoch(folded, ShuffleOptionsOf(options, folded), next));
  ARROW_RETURN_NOT_OK(epoch.scatter->Start(Priority::kNormal));
  epoch.scatter->Promote();
  if (next == NextPass::kNone) epoch.scatter->EndKeeping();
  ahead_->last = epoch.scatter;
  if (next == NextPass::kExpected) Prepare(folded, epoch.options, epoch.scatter);
  return Limited(std::move(epoch.stream), *engine_, limit, options);
}

/// The epoch as it was prepared, or made from the rows that the last one kept, or from the scan.
Result<Passes::Epoch> Passes::TakeEpoch(const FoldedPlan& folded, const ShuffleStreamOptions& options, NextPass next) {
  const auto last = std::move(ahead_->last);
  auto prepared = std::exchange(ahead_->prepared, std::nullopt);
  if (prepared.has_value() && prepared->Serves(options)) return std::move(*prepared);
  if (prepared.has_value()) prepared->End();
  if (last != nullptr) {
    auto made = MakeEpoch(folded, options, last, next);
    if (made.ok()) return made;
    last->EndKeeping();
  }
  return MakeEpoch(folded, options, nullptr, next);
}

Result<Passes::Epoch> Passes::MakeEpoch(const FoldedPlan& folded, const ShuffleStreamOptions& options, std::shared_ptr<ScatterPhase> earlier,
                                        NextPass next) {
  const int64_t scan_nanoseconds = earlier == nullptr ? 0 : earlier->scan_nanoseconds();
  Epoch epoch{nullptr, nullptr, options};
  ARROW_ASSIGN_OR_RAISE(epoch.scatter, MakeScatterPhase(engine_, folded.source, folded.program, options, {earlier}));
  const ShufflePlan& plan = epoch.scatter->inputs().plan;
  // Who was slower than the lanes will be so again: this epoch touches the memory that the next one will be prepared in.
  if (earlier != nullptr && earlier->consumer_is_slower() && next == NextPass::kExpected && FitsBeside(plan, engine_->options().memory_limit_bytes)) {
    epoch.scatter->KeepEarlierWhole();
  }
  if (next != NextPass::kNone && MayKeep(plan, engine_->options())) {
    epoch.scatter->KeepRows(/*also_if_left=*/next == NextPass::kExpected);
  } else if (next == NextPass::kExpected && !options.has_resume && MayKeepOnDisk(*engine_, *folded.source, plan, scan_nanoseconds)) {
    epoch.scatter->KeepOnDisk();
  }
  ARROW_ASSIGN_OR_RAISE(epoch.stream, OpenShuffleStream(epoch.scatter, options));
  return epoch;
}

void Passes::Prepare(const FoldedPlan& folded, ShuffleStreamOptions options, const std::shared_ptr<ScatterPhase>& running) {
  if (!FitsBeside(running->inputs().plan, engine_->options().memory_limit_bytes) || engine_->options().always_spill) return;
  options.has_resume = false;
  if (folded.shuffle->seed_kind != SeedKind::kFixed) ++options.epoch;
  auto epoch = MakeEpoch(folded, options, running, NextPass::kExpected);
  // Preparing is a favour: what stands in its way will be met, and told, by the epoch itself.
  if (!epoch.ok()) return;
  ahead_->prepared = std::move(*epoch);
  running->WhenConsumerIsSlower([weak = std::weak_ptr<ScatterPhase>(ahead_->prepared->scatter)] {
    if (const auto scatter = weak.lock()) static_cast<void>(scatter->Start(Priority::kLow));
  });
}

Result<std::string> ExplainExecution(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options) {
  ARROW_RETURN_NOT_OK(CheckOptions(options));
  if (!IsFoldable(*plan)) return DescribeStages(engine, NarrowFiles(plan), options);
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine, *plan));
  return DescribeExecution(*engine, folded, options);
}

}  // namespace millstream
