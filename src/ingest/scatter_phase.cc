#include "ingest/scatter_phase.h"

#include <algorithm>

#include "exec/stream_scatter_lane.h"

namespace millstream {
namespace {

/// Of the addresses of spilled frames: beyond those of an epoch's own passes.
constexpr uint32_t kKeptRowsStage = 16;
/// What is prepared at low priority moves so many columns at a turn: between two that others' steps come between, the places of its rows leave the cache.
constexpr int kStepsOfFavour = 4;

}  // namespace

/// One lane's share, a step at a time.
class ScatterTask : public Task {
 public:
  ScatterTask(std::shared_ptr<ScatterPhase> phase, std::unique_ptr<ShuffleLane> lane, Priority priority)
      : count_(phase->core()), phase_(std::move(phase)), lane_(std::move(lane)), priority_(priority) {}

  Step Run(const Waker& waker) override {
    ScatterPhase& phase = *phase_;
    if (phase.inputs_.stream != nullptr && !std::exchange(begun_, true)) phase.core_.WakeOnStop(waker);
    if (phase.core_.cancellation().cancelled()) return Step::kDone;
    if (priority_ == Priority::kLow) {
      if (phase.urgent_) return MoveOver();
      if (!phase.MayStep(*lane_)) {
        phase.core_.Block(waker);
        return phase.urgent_ || phase.MayStep(*lane_) ? Step::kAgain : Step::kBlocked;
      }
    }
    LaneStep did = LaneStep::kMore;
    for (int step = 0; step < (priority_ == Priority::kLow ? kStepsOfFavour : 1); ++step) {
      if (step > 0 && (did != LaneStep::kMore || phase.urgent_ || !phase.MayStep(*lane_))) break;
      const Status status = phase.RunLane(*lane_, waker, &did);
      if (!status.ok()) {
        phase.core_.Fail(status);
        return Step::kDone;
      }
    }
    if (did == LaneStep::kMore) return Step::kAgain;
    if (did == LaneStep::kBlocked) return Step::kBlocked;
    lane_.reset();
    phase.LaneFinished();
    return Step::kDone;
  }

 private:
  Step MoveOver() {
    const Status status = phase_->Submit(std::move(lane_), Priority::kNormal);
    if (!status.ok()) phase_->core_.Fail(status);
    return Step::kDone;
  }

  TaskCount count_;
  std::shared_ptr<ScatterPhase> phase_;
  std::unique_ptr<ShuffleLane> lane_;
  const Priority priority_;
  bool begun_ = false;
};

ScatterPhase::ScatterPhase(Inputs inputs) : inputs_(std::move(inputs)), core_(inputs_.engine), scan_(inputs_.source_name), shuffle_(inputs_.stage_name) {}

Result<std::shared_ptr<ScatterPhase>> ScatterPhase::Make(Inputs inputs, Earlier earlier) {
  std::shared_ptr<ScatterPhase> phase(new ScatterPhase(std::move(inputs)));
  phase->earlier_ = std::move(earlier);
  const ShufflePlan& plan = phase->inputs_.plan;
  Engine& engine = *phase->inputs_.engine;
  ShuffleOptions options;
  options.schema = phase->inputs_.program->output;
  options.keys = ShuffleKeys::All(phase->inputs_.epoch, plan.first_pass_partitions(), phase->inputs_.lowest_key);
  options.sort = phase->inputs_.sort;
  options.staging_bytes = StagingBytes(engine.options().memory_limit_bytes);
  options.always_spill = engine.options().always_spill || plan.two_passes() || phase->inputs_.first_pass_bytes > 0;
  options.short_runs = plan.two_passes();
  options.run_rows_max = plan.run_rows;
  if (options.always_spill || plan.may_spill) {
    ARROW_ASSIGN_OR_RAISE(const auto area, engine.spill());
    ARROW_ASSIGN_OR_RAISE(options.spill, area->NewScope());
  }
  phase->store_ = std::make_unique<ShuffleStore>(std::move(options));
  if (phase->inputs_.source != nullptr) phase->cursor_ = std::make_unique<ScanCursor>(&phase->inputs_.source->tasks());
  const int64_t most = std::max(phase->inputs_.resident_bytes_max, phase->inputs_.first_pass_bytes);
  const auto resident = most > 0 ? std::make_shared<LedgerGroup>(most) : nullptr;
  for (int lane = 0; lane < plan.lanes; ++lane) {
    const std::string number = std::to_string(lane);
    ScatterLane::Pools& pools = phase->pools_.emplace_back();
    ARROW_ASSIGN_OR_RAISE(pools.scan, engine.OpenPool("scan lane " + number, plan.scan_floor));
    ARROW_ASSIGN_OR_RAISE(pools.scatter, engine.OpenPool("shuffle lane " + number, plan.scatter_floor));
    if (resident != nullptr) pools.scatter->ledger()->JoinGroup(resident);
    ARROW_ASSIGN_OR_RAISE(pools.spill, engine.OpenPool("spill lane " + number, plan.spill_floor));
  }
  phase->scan_.rows_expected = plan.rows;
  phase->kept_input_.rows_expected = plan.rows;
  phase->kept_output_.rows_expected = plan.rows;
  phase->lanes_running_ = plan.lanes;
  return phase;
}

Status ScatterPhase::Start(Priority priority) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(started_, true)) return Status::OK();
  }
  urgent_ = priority == Priority::kNormal;
  store_->AllowEviction(urgent_);
  int lanes = BeginFromEarlier();
  if (lanes > 0) lanes_running_ = lanes;
  else lanes = inputs_.plan.lanes;
  if (from_store_) keep_on_disk_ = false;
  if (keep_on_disk_) ARROW_RETURN_NOT_OK(BeginKeeping());
  return SubmitLanes(lanes, priority);
}

Status ScatterPhase::SubmitLanes(int lanes, Priority priority) {
  for (int lane = 0; lane < lanes; ++lane) ARROW_RETURN_NOT_OK(Submit(MakeLane(static_cast<uint32_t>(lane)), priority));
  return Status::OK();
}

int ScatterPhase::BeginFromEarlier() {
  int lanes = 0;
  if (earlier_.phase != nullptr) {
    earlier_.free_as_moved &= earlier_.phase->stream_ended();
    auto rows = earlier_.phase->disk_rows();
    {
      std::lock_guard lock(mutex_);
      disk_rows_ = std::move(rows);
      disk_read_before_ = disk_rows_ == nullptr ? 0 : disk_rows_->bytes_read();
    }
    if (earlier_.phase->HoldsAllRows()) lanes = BeginFrom(&earlier_.phase->store());
  }
  if (lanes == 0) earlier_ = {};
  if (lanes == 0 && disk_rows_ != nullptr) lanes = BeginFrom(disk_rows_.get());
  return lanes;
}

int ScatterPhase::BeginFrom(ShuffleStore* rows) {
  chunks_ = std::make_unique<ChunkCursor>(rows, rows->Chunks());
  const auto lanes = RescatterLane::SetFloors(*chunks_, pools_, inputs_.plan.scatter_floor);
  from_store_ = lanes.ok();
  if (lanes.ok()) return *lanes;
  chunks_.reset();
  for (const auto& pools : pools_) {
    pools.scan->ledger()->TrySetFloor(inputs_.plan.scan_floor);
    pools.scatter->ledger()->TrySetFloor(inputs_.plan.scatter_floor);
  }
  return 0;
}

Status ScatterPhase::BeginKeeping() {
  ShuffleOptions options = store_->options();
  ARROW_ASSIGN_OR_RAISE(const auto area, inputs_.engine->spill());
  ARROW_ASSIGN_OR_RAISE(options.spill, area->NewScope());
  options.keys = ShuffleKeys::All(inputs_.epoch, 1, 0);
  options.stage += kKeptRowsStage;
  options.always_spill = options.column_frames = true;
  lanes_keeping_ = inputs_.plan.lanes;
  std::lock_guard lock(mutex_);
  disk_rows_ = std::make_shared<ShuffleStore>(std::move(options));
  keeping_ = true;
  return Status::OK();
}

Status ScatterPhase::EndKeepingOnDisk() {
  kept_output_.spilled_bytes = disk_rows_->bytes_written();
  int lanes = 0;
  {
    std::lock_guard lock(mutex_);
    keeping_ = false;
    if (disk_full_) disk_rows_.reset();
  }
  if (disk_rows_ != nullptr) lanes = BeginFrom(disk_rows_.get());
  if (lanes == 0) {
    cursor_ = std::make_unique<ScanCursor>(&inputs_.source->tasks());
    scan_.rows = scan_.bytes = 0;
    lanes = inputs_.plan.lanes;
  }
  lanes_running_ = lanes;
  return SubmitLanes(lanes, Priority::kNormal);
}

std::shared_ptr<ShuffleStore> ScatterPhase::disk_rows() {
  std::lock_guard lock(mutex_);
  return keeping_ ? nullptr : disk_rows_;
}

std::vector<const StageStatistics*> ScatterPhase::stages() const {
  if (inputs_.stream != nullptr) {
    auto stages = inputs_.stream->stages();
    stages.push_back(&shuffle_);
    return stages;
  }
  if (keep_on_disk_) return {&scan_, &kept_output_, &kept_input_, &shuffle_};
  return {from_store_ ? &kept_input_ : &scan_, &shuffle_};
}

Status ScatterPhase::RunLane(ShuffleLane& lane, const Waker& waker, LaneStep* did) {
  *did = LaneStep::kDone;
  if (keeping_ && disk_full_) return Status::OK();
  const auto result = lane.Step(waker);
  if (keeping_ && KindOf(result.status()) == ErrorKind::kDiskFull) {
    // Rows are read again instead.
    disk_full_ = true;
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(*did, result);
  return Status::OK();
}

std::unique_ptr<ShuffleLane> ScatterPhase::MakeLane(uint32_t lane) {
  if (keeping_) {
    const ScatterLane::Shared shared{inputs_.source, inputs_.program, disk_rows_.get(), cursor_.get(), &scan_, &kept_output_, inputs_.plan.piece_rows, inputs_.plan.side_by_side};
    return std::make_unique<ScatterLane>(shared, lane, pools_[lane]);
  }
  if (chunks_ != nullptr) {
    const RescatterLane::Shared shared{chunks_.get(), store_.get(), earlier_.phase != nullptr && earlier_.free_as_moved, &kept_input_, &shuffle_};
    return std::make_unique<RescatterLane>(shared, lane, pools_[lane]);
  }
  if (inputs_.stream != nullptr) {
    const StreamScatterLane::Shared shared{inputs_.stream.get(), inputs_.program, store_.get(), &shuffle_, inputs_.plan.piece_rows};
    return std::make_unique<StreamScatterLane>(shared, lane, pools_[lane]);
  }
  const ScatterLane::Shared shared{inputs_.source, inputs_.program, store_.get(), cursor_.get(), &scan_, &shuffle_, inputs_.plan.piece_rows, inputs_.plan.side_by_side};
  return std::make_unique<ScatterLane>(shared, lane, pools_[lane]);
}

Status ScatterPhase::Submit(std::unique_ptr<ShuffleLane> lane, Priority priority) {
  return inputs_.engine->scheduler()->Submit(std::make_unique<ScatterTask>(shared_from_this(), std::move(lane), priority), priority);
}

void ScatterPhase::Promote() {
  store_->AllowEviction(true);
  urgent_ = true;
  core_.WakeAll();
}

bool ScatterPhase::MayStep(const ShuffleLane& lane) const {
  const Budget& budget = *inputs_.engine->budget();
  return budget.free_bytes() > budget.limit_bytes() / 16 + inputs_.plan.lanes * lane.NextStepBytes();
}

void ScatterPhase::WhenFinished(std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    if (lanes_running_ > 0) return done_.push_back(std::move(done));
  }
  done();
}

void ScatterPhase::WhenConsumerIsSlower(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  consumer_is_slower_ = std::move(call);
}

void ScatterPhase::ConsumerIsSlower() {
  slower_ = true;
  std::function<void()> call;
  {
    std::lock_guard lock(mutex_);
    call.swap(consumer_is_slower_);
  }
  if (call) call();
}

void ScatterPhase::LaneFinished() {
  if (keeping_) {
    if (--lanes_keeping_ > 0) return;
    const Status status = EndKeepingOnDisk();
    if (!status.ok()) core_.Fail(status);
    return;
  }
  std::vector<std::function<void()>> done;
  Earlier earlier;  // its rows are freed when nothing is locked
  {
    std::lock_guard lock(mutex_);
    if (--lanes_running_ > 0) return;
    if (inputs_.first_pass_bytes > 0) pools_.front().scatter->ledger()->SetGroupMost(inputs_.resident_bytes_max);
    done.swap(done_);
    std::swap(earlier, earlier_);
  }
  for (const auto& call : done) call();
}

void ScatterPhase::KeepRows(bool also_if_left) {
  kept_ = true;
  kept_if_left_ = also_if_left;
}

void ScatterPhase::EndStream(bool at_end) {
  core_.Stop();
  if (inputs_.stream != nullptr) inputs_.stream->Close();
  {
    std::lock_guard lock(mutex_);
    stream_ended_ = true;
    if (!kept_ || !HoldsAllRows() || !(at_end || kept_if_left_)) return ReleaseLocked();
  }
  ReturnFloors();
}

void ScatterPhase::ReturnFloors() {
  std::lock_guard lock(mutex_);
  for (const auto& pools : pools_) {
    for (const auto& pool : {pools.scan, pools.scatter, pools.spill}) pool->ledger()->TrySetFloor(0);
  }
}

bool ScatterPhase::stream_ended() {
  std::lock_guard lock(mutex_);
  return stream_ended_;
}

void ScatterPhase::EndKeeping() {
  std::lock_guard lock(mutex_);
  kept_ = false;
  if (stream_ended_) ReleaseLocked();
}

void ScatterPhase::Release() {
  core_.Stop();
  if (inputs_.stream != nullptr) inputs_.stream->Close();
  std::lock_guard lock(mutex_);
  ReleaseLocked();
}

void ScatterPhase::ReleaseLocked() {
  done_.clear();
  consumer_is_slower_ = nullptr;
  if (keeping_) disk_rows_.reset();
  store_.reset();
  pools_.clear();
  earlier_ = {};
}

void ScatterPhase::UpdateStatistics() {
  std::lock_guard lock(mutex_);
  if (store_ == nullptr) return;
  int64_t scan_peak = 0;
  int64_t scatter_peak = 0;
  for (const auto& pools : pools_) {
    scan_peak += pools.scan->ledger()->peak_bytes();
    scatter_peak += pools.scatter->ledger()->peak_bytes() + pools.spill->ledger()->peak_bytes();
  }
  (from_store_ ? kept_input_ : scan_).peak_memory_bytes = scan_peak;
  shuffle_.peak_memory_bytes = scatter_peak;
  if (from_store_ && !keeping_ && disk_rows_ != nullptr) kept_input_.read_back_bytes = disk_rows_->bytes_read() - disk_read_before_;
  shuffle_.spilled_bytes = store_->bytes_written();
  shuffle_.read_back_bytes = store_->bytes_read();
}

}  // namespace millstream
