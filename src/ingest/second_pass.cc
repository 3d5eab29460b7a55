#include "ingest/second_pass.h"

#include "exec/rescatter_lane.h"

namespace millstream {

/// One lane's share of one coarse partition.
class SecondPassTask : public Task {
 public:
  SecondPassTask(std::shared_ptr<SecondPass> pass, std::unique_ptr<RescatterLane> lane)
      : count_(pass->first_->core()), pass_(std::move(pass)), lane_(std::move(lane)) {}

  Step Run(const Waker& waker) override {
    StreamCore& core = pass_->first_->core();
    if (core.cancellation().cancelled()) return Step::kDone;
    const auto more = lane_->Step(waker);
    if (!more.ok()) {
      core.Fail(more.status());
      return Step::kDone;
    }
    if (*more == LaneStep::kMore) return Step::kAgain;
    lane_.reset();
    pass_->LaneFinished();
    return Step::kDone;
  }

 private:
  TaskCount count_;
  std::shared_ptr<SecondPass> pass_;
  std::unique_ptr<RescatterLane> lane_;
};

void SecondPass::Move(uint32_t coarse, Ready ready) {
  ready_ = std::move(ready);
  const Status status = Submit(coarse);
  if (!status.ok()) first_->core().Fail(status);
}

Status SecondPass::Submit(uint32_t coarse) {
  const ShufflePlan& plan = first_->inputs().plan;
  ShuffleOptions options = first_->store().options();
  options.keys.partitions = plan.partitions;
  options.keys.count = plan.partitions / plan.coarse_partitions;
  options.keys.first = coarse * options.keys.count;
  options.stage += 1;
  options.short_runs = false;
  options.always_spill = first_->inputs().engine->options().always_spill;
  store_ = std::make_shared<ShuffleStore>(std::move(options));
  chunks_ = std::make_unique<ChunkCursor>(&first_->store(), first_->store().ChunksOf(coarse));
  const RescatterLane::Shared shared{chunks_.get(), store_.get(), /*discard=*/true, &statistics_, nullptr};
  ARROW_ASSIGN_OR_RAISE(const int lanes, RescatterLane::SetFloors(*chunks_, first_->pools(), plan.scatter_floor));
  lanes_running_ = lanes;
  for (uint32_t lane = 0; lane < static_cast<uint32_t>(lanes); ++lane) {
    auto task = std::make_unique<SecondPassTask>(shared_from_this(), std::make_unique<RescatterLane>(shared, lane, first_->pools()[lane]));
    ARROW_RETURN_NOT_OK(first_->inputs().engine->scheduler()->Submit(std::move(task), Priority::kNormal));
  }
  return Status::OK();
}

void SecondPass::Release() {
  chunks_.reset();
  store_.reset();
  ready_ = nullptr;
}

void SecondPass::LaneFinished() {
  if (--lanes_running_ > 0) return;
  chunks_.reset();
  statistics_.spilled_bytes += store_->bytes_written();
  const Ready ready = std::move(ready_);  // it may begin the next partition
  ready(std::move(store_));
}

}  // namespace millstream
