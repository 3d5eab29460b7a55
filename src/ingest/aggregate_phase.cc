#include "ingest/aggregate_phase.h"

#include <algorithm>

#include "column/gather.h"
#include "ingest/aggregate_task.h"
#include "ingest/group_shares.h"

namespace millstream {
namespace {

/// Above so many groups in all the lanes' tables are brought together on all lanes.
constexpr int64_t kGroupsOfOneTable = 1 << 18;
constexpr size_t kResultsWaitingMax = 8;
constexpr int64_t kScanFloorMax = 32 << 20;
/// Reserved for them at first, in parts of their share: several aggregations may run at once, and most have few groups.
constexpr int64_t kGroupsFloorShare = 8;

}  // namespace

/// Moves the groups that a lane is left with into the exchange.
class PartTask : public Task {
 public:
  PartTask(std::shared_ptr<AggregatePhase> phase, size_t lane) : count_(phase->core()), phase_(std::move(phase)), lane_(lane) {}
  Step Run(const Waker&) override {
    if (phase_->core_.cancellation().cancelled()) return Step::kDone;
    CpuTimer timer(&phase_->statistics_.cpu_nanoseconds);
    AggregatePhase::Lane& lane = phase_->lanes_[lane_];
    Status status = phase_->Part(lane);
    const int64_t resident_bytes = phase_->inputs_.memory_bytes / GroupShares::kResident / static_cast<int64_t>(phase_->lanes_.size());
    if (status.ok() && lane.writer != nullptr) status = lane.writer->Finish(resident_bytes);
    lane.table.reset();
    if (status.ok()) phase_->LaneParted();
    else phase_->core_.Fail(status);
    return Step::kDone;
  }

 private:
  TaskCount count_;
  std::shared_ptr<AggregatePhase> phase_;
  const size_t lane_;
};

/// Aggregates partitions of the exchange; `alone`: those that are too large for several lanes at a time.
class PartitionTask : public Task {
 public:
  PartitionTask(std::shared_ptr<AggregatePhase> phase, size_t lane, bool alone)
      : count_(phase->core()), phase_(std::move(phase)), lane_(lane), alone_(alone), groups_(phase_->GroupsOf(lane)) {}
  Step Run(const Waker& waker) override {
    AggregatePhase& phase = *phase_;
    if (phase.core_.cancellation().cancelled()) return Step::kDone;
    if (phase.ResultsWait(waker)) return Step::kBlocked;
    if (alone_ && groups_.at_end() && phase.WaitForSort(waker)) return Step::kBlocked;
    if (groups_.at_end() && !phase.BeginPartition(alone_, &groups_, &partition_)) {
      phase.LaneAggregated(lane_, groups_.TakeLarge());
      return Step::kDone;
    }
    CpuTimer timer(&phase.statistics_.cpu_nanoseconds);
    auto results = groups_.Next();
    if (!results.ok()) {
      phase.core_.Fail(results.status());
      return Step::kDone;
    }
    phase.AddResults(std::move(*results));
    if (groups_.at_end() && !alone_) phase.PartitionDone(partition_);
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<AggregatePhase> phase_;
  const size_t lane_;
  const bool alone_;
  PartitionGroups groups_;
  uint32_t partition_ = 0;
};

AggregatePhase::AggregatePhase(Inputs inputs)
    : inputs_(std::move(inputs)), core_(inputs_.engine), scan_(inputs_.source_name), statistics_(inputs_.stage_name), memory_(std::make_shared<LedgerGroup>(inputs_.memory_bytes)) {}

Result<std::shared_ptr<AggregatePhase>> AggregatePhase::Make(Inputs inputs) {
  std::shared_ptr<AggregatePhase> phase(new AggregatePhase(std::move(inputs)));
  Engine& engine = *phase->inputs_.engine;
  ARROW_RETURN_NOT_OK(engine.CheckAlive());
  const int lanes = engine.scheduler()->lanes();
  phase->groups_floor_max_ = phase->inputs_.memory_bytes / (GroupShares::kGroups * lanes);
  phase->lanes_.resize(static_cast<size_t>(lanes));
  for (int lane = 0; lane < lanes; ++lane) ARROW_RETURN_NOT_OK(phase->OpenLane(lane));
  phase->result_schema_ = phase->lanes_.front().table->result_schema();
  phase->partial_schema_ = phase->lanes_.front().table->partial_schema();
  phase->table_share_ = TableShare(*phase->partial_schema_);
  if (phase->inputs_.source != nullptr) {
    phase->cursor_ = std::make_unique<ScanCursor>(&phase->inputs_.source->tasks());
    for (const ScanTask& task : phase->inputs_.source->tasks()) phase->scan_.rows_expected += task.rows;
  }
  phase->lanes_running_ = lanes;
  return phase;
}

Status AggregatePhase::OpenLane(int lane) {
  const std::string number = std::to_string(lane);
  Engine& engine = *inputs_.engine;
  const int64_t share = inputs_.memory_bytes / engine.scheduler()->lanes();
  Lane& opened = lanes_[static_cast<size_t>(lane)];
  ARROW_ASSIGN_OR_RAISE(opened.scan, engine.OpenPool("scan lane " + number, std::min(kScanFloorMax, share / GroupShares::kScan)));
  ARROW_ASSIGN_OR_RAISE(opened.groups, engine.OpenPool("group lane " + number, groups_floor_max_ / kGroupsFloorShare));
  ARROW_ASSIGN_OR_RAISE(opened.exchange, engine.OpenPool("exchange lane " + number, share / GroupShares::kExchange));
  ARROW_ASSIGN_OR_RAISE(opened.spill, engine.OpenPool("spill lane " + number, ShuffleWriter::FixedBytes(StagingBytes(engine.options().memory_limit_bytes), /*has_arrays=*/true)));
  for (const auto& pool : {opened.groups, opened.exchange, opened.spill}) pool->ledger()->JoinGroup(memory_);
  return MakeTable(opened.groups).Value(&opened.table);
}

Result<std::unique_ptr<GroupTable>> AggregatePhase::MakeTable(const std::shared_ptr<BudgetPool>& pool) const {
  return GroupTable::Make(inputs_.program->output, inputs_.keys, inputs_.specs, pool->for_libraries());
}

bool AggregatePhase::MayGrow(Lane& lane) const {
  if (inputs_.engine->options().always_spill) return lane.table->bytes() == 0;
  Ledger& ledger = *lane.groups->ledger();
  while (lane.table->bytes() > ledger.floor_bytes() / table_share_) {
    const int64_t floor = std::min(2 * ledger.floor_bytes(), groups_floor_max_);
    if (floor == ledger.floor_bytes() || !ledger.TrySetFloor(floor)) return false;
  }
  return true;
}

Status AggregatePhase::Start() {
  for (size_t lane = 0; lane < lanes_.size(); ++lane) ARROW_RETURN_NOT_OK(Submit(MakeAggregateTask(shared_from_this(), lane)));
  return Status::OK();
}

Result<ShuffleStore*> AggregatePhase::Store() {
  std::lock_guard lock(mutex_);
  if (store_ == nullptr) {
    const int64_t chunk_bytes = inputs_.memory_bytes / GroupShares::kPartitions / static_cast<int64_t>(lanes_.size()) / ChunkShare(*partial_schema_);
    ARROW_ASSIGN_OR_RAISE(store_, MakeGroupStore(*inputs_.engine, partial_schema_, GroupShares::kExchangePartitions, chunk_bytes));
  }
  return store_.get();
}

Status AggregatePhase::Part(Lane& lane) {
  if (inputs_.keys.empty() || lane.table->groups() == 0) return Status::OK();
  if (lane.writer == nullptr) {
    ARROW_ASSIGN_OR_RAISE(ShuffleStore* store, Store());
    // Where it is not to be had the writer has what it was promised.
    lane.exchange->ledger()->TrySetFloor(inputs_.memory_bytes / static_cast<int64_t>(lanes_.size()) / GroupShares::kExchangeUsed);
    lane.writer = std::make_unique<GroupWriter>(store, static_cast<uint32_t>(&lane - lanes_.data()), 0, lane.pools());
  }
  return lane.writer->Part(*lane.table);
}

void AggregatePhase::LaneFinished() {
  if (--lanes_running_ > 0) return;
  const Status status = BringTogether();
  if (!status.ok()) core_.Fail(status);
}

Status AggregatePhase::BringTogether() {
  int64_t groups = 0;
  for (const Lane& lane : lanes_) groups += lane.table->groups() + (lane.writer == nullptr ? 0 : lane.writer->rows());
  groups_at_most_ = groups;
  bool parted;
  {
    std::lock_guard lock(mutex_);
    parted = store_ != nullptr;
  }
  if (!parted && (groups <= kGroupsOfOneTable || lanes_.size() == 1 || inputs_.keys.empty())) {
    const Status merged = MergeTables();
    if (RefusedMemory(merged) && inputs_.keys.empty()) return OneGroupIsTooLarge("", lanes_.front().table->bytes(), *inputs_.engine);
    if (!RefusedMemory(merged)) return merged;
  }
  lanes_running_ = static_cast<int>(lanes_.size());
  for (size_t lane = 0; lane < lanes_.size(); ++lane) ARROW_RETURN_NOT_OK(Submit(std::make_unique<PartTask>(shared_from_this(), lane)));
  return Status::OK();
}

Status AggregatePhase::MergeTables() {
  GroupTable& all = *lanes_.front().table;
  for (size_t lane = 1; lane < lanes_.size(); ++lane) {
    GroupTable& table = *lanes_[lane].table;
    ARROW_ASSIGN_OR_RAISE(const auto partials, table.PartialsOf(0, 1));
    ARROW_RETURN_NOT_OK(all.ConsumePartials(*partials));
    table.Clear();
  }
  ARROW_RETURN_NOT_OK(all.PrepareFinish());
  {
    std::lock_guard lock(mutex_);
    progress_ = Progress::kOneTable;
  }
  core_.WakeConsumer();
  return Status::OK();
}

void AggregatePhase::LaneParted() {
  if (--lanes_running_ > 0) return;
  ShareForPartitions();
  {
    std::lock_guard lock(mutex_);
    progress_ = Progress::kPartitions;
  }
  lanes_running_ = static_cast<int>(lanes_.size());
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    const Status status = Submit(std::make_unique<PartitionTask>(shared_from_this(), lane, /*alone=*/false));
    if (!status.ok()) return core_.Fail(status);
  }
}

void AggregatePhase::ShareForPartitions() {
  const int64_t share = inputs_.memory_bytes / static_cast<int64_t>(lanes_.size());
  int64_t kept = 0;
  for (const Lane& lane : lanes_) {
    Ledger& groups = *lane.groups->ledger();
    Ledger& exchange = *lane.exchange->ledger();
    lane.scan->ledger()->TrySetFloor(0);
    // Rows in memory stay where they are.
    exchange.TrySetFloor(exchange.used_bytes() + share / GroupShares::kExchange);
    int64_t floor = share / GroupShares::kPartitions;
    while (floor > groups.floor_bytes() && !groups.TrySetFloor(floor)) floor /= 2;
    if (floor < groups.floor_bytes()) groups.TrySetFloor(floor);
    kept += groups.floor_bytes() + std::max(exchange.floor_bytes(), exchange.used_bytes()) + lane.spill->ledger()->floor_bytes();
  }
  // Others may run beside this.
  const int64_t left = std::clamp<int64_t>(inputs_.memory_bytes - kept, 0, std::max<int64_t>(inputs_.engine->budget()->free_bytes(), 0));
  memory_left_ = left - left / GroupShares::kSlack;
  groups_most_ = kept + left / GroupShares::kSlack;
  lanes_.front().groups->ledger()->SetGroupMost(groups_most_);
}

bool AggregatePhase::WaitForSort(const Waker& waker) {
  {
    std::lock_guard lock(mutex_);
    // Without results there is nothing to sort yet: then what it needs is taken, and given back before the first is there.
    const bool waits = !sort_is_open_ && rows_given_ > 0;
    lanes_.front().groups->ledger()->SetGroupMost(waits ? groups_most_ : inputs_.memory_bytes);
    if (!waits) return false;
    waits_for_sort_ = true;
    core_.Block(waker);
  }
  core_.WakeConsumer();
  return true;
}

bool AggregatePhase::WaitsForSort() {
  std::lock_guard lock(mutex_);
  return waits_for_sort_;
}

void AggregatePhase::SortIsOpen() {
  {
    std::lock_guard lock(mutex_);
    sort_is_open_ = true;
    waits_for_sort_ = false;
  }
  core_.WakeBlocked();
}

PartitionGroups AggregatePhase::GroupsOf(size_t lane) {
  const Lane& of = lanes_[lane];
  return PartitionGroups({inputs_.engine.get(), &core_.cancellation(), [this, pool = of.groups] { return MakeTable(pool); }, of.pools(), static_cast<uint32_t>(lane),
                          static_cast<int>(inputs_.keys.size()), &written_again_, &read_again_});
}

bool AggregatePhase::ResultsWait(const Waker& waker) {
  std::lock_guard lock(mutex_);
  if (results_.size() < kResultsWaitingMax) return false;
  core_.Block(waker);
  return true;
}

bool AggregatePhase::BeginPartition(bool alone, PartitionGroups* groups, uint32_t* partition) {
  std::lock_guard lock(mutex_);
  if (alone) {
    if (large_.empty()) return false;
    groups->Begin(std::move(large_.back()), /*alone=*/true);
    large_.pop_back();
    return true;
  }
  while (next_partition_ < GroupShares::kExchangePartitions && store_->RowsOf(next_partition_) == 0) ++next_partition_;
  if (next_partition_ == GroupShares::kExchangePartitions) return false;
  *partition = next_partition_++;
  partitions_running_.insert(*partition);
  groups->Begin({store_, *partition, 0});
  return true;
}

void AggregatePhase::AddResults(PartitionGroups::Results results) {
  {
    std::lock_guard lock(mutex_);
    for (const auto& batch : results) rows_given_ += batch->num_rows();
    results_.insert(results_.end(), results.begin(), results.end());
  }
  core_.WakeConsumer();
}

void AggregatePhase::PartitionDone(uint32_t partition) {
  uint32_t done_below;
  {
    std::lock_guard lock(mutex_);
    partitions_running_.erase(partition);
    done_below = partitions_running_.empty() ? next_partition_ : *partitions_running_.begin();
  }
  store_->DropResidentBelow(done_below);
}

void AggregatePhase::LaneAggregated(size_t lane, std::vector<PartitionGroups::Part> large) {
  bool left;
  {
    std::lock_guard lock(mutex_);
    for (PartitionGroups::Part& part : large) large_.push_back(std::move(part));
    if (--lanes_running_ > 0) return;
    left = !large_.empty();
    finished_ = !left;
  }
  int64_t given = 0;
  for (size_t each = 0; each < lanes_.size(); ++each) {
    if (left && each == lane) continue;
    for (const auto& pool : {lanes_[each].groups, lanes_[each].exchange, lanes_[each].spill}) {
      given += pool->ledger()->floor_bytes();
      pool->ledger()->TrySetFloor(0);
    }
  }
  if (!left) return core_.WakeConsumer();
  // What other lanes were promised is this one's from now on.
  Ledger& groups = *lanes_[lane].groups->ledger();
  while (given > 0 && !groups.TrySetFloor(groups.floor_bytes() + given)) given /= 2;
  lanes_running_ = 1;
  const Status status = Submit(std::make_unique<PartitionTask>(shared_from_this(), lane, /*alone=*/true));
  if (!status.ok()) core_.Fail(status);
}

AggregatePhase::Progress AggregatePhase::progress(const Waker& waker) {
  std::lock_guard lock(mutex_);
  const bool too_early = progress_ == Progress::kPartitions && results_.size() < kResultsWaitingMax && !finished_ && !waits_for_sort_;
  if (progress_ != Progress::kRunning && !too_early) return progress_;
  core_.BlockConsumer(waker);
  return Progress::kRunning;
}

AggregatePhase::ResultSizes AggregatePhase::result_sizes() {
  std::lock_guard lock(mutex_);
  ResultSizes sizes{rows_given_, std::vector<int64_t>(static_cast<size_t>(result_schema_->num_fields()), 0)};
  int64_t rows = 0;
  for (const auto& batch : results_) {
    rows += batch->num_rows();
    for (int column = 0; column < batch->num_columns(); ++column) sizes.row_bytes[column] += RowBytes(*batch->column_data(column), 0, batch->num_rows());
  }
  for (int64_t& bytes : sizes.row_bytes) bytes = rows == 0 ? 0 : bytes / rows + 1;
  if (finished_) return sizes;
  // Partitions are alike, but for chance.
  const auto done = static_cast<int64_t>(next_partition_ - partitions_running_.size());
  const int64_t guess = done == 0 ? groups_at_most_.load() : rows_given_ * GroupShares::kExchangePartitions / done * 5 / 4;
  sizes.rows = std::clamp<int64_t>(guess, rows_given_, std::max<int64_t>(groups_at_most_, rows_given_));
  return sizes;
}

Result<std::optional<std::shared_ptr<arrow::RecordBatch>>> AggregatePhase::TryTakeResults(const Waker& waker) {
  ARROW_RETURN_NOT_OK(core_.cancellation().status());
  std::shared_ptr<arrow::RecordBatch> batch;
  {
    std::lock_guard lock(mutex_);
    if (results_.empty()) {
      if (finished_) return std::shared_ptr<arrow::RecordBatch>();
      core_.BlockConsumer(waker);
      return std::nullopt;
    }
    batch = std::move(results_.front());
    results_.pop_front();
  }
  core_.WakeBlocked();
  return batch;
}

std::vector<const StageStatistics*> AggregatePhase::stages() const {
  if (inputs_.stream == nullptr) return {&scan_, &statistics_};
  auto stages = inputs_.stream->stages();
  stages.push_back(&statistics_);
  return stages;
}

void AggregatePhase::UpdateStatistics() {
  std::lock_guard lock(mutex_);
  if (released_) return;
  int64_t peak = 0;
  for (const Lane& lane : lanes_) peak += lane.groups->ledger()->peak_bytes() + lane.exchange->ledger()->peak_bytes() + lane.spill->ledger()->peak_bytes();
  statistics_.peak_memory_bytes = peak;
  if (store_ == nullptr) return;
  statistics_.spilled_bytes = store_->bytes_written() + written_again_;
  statistics_.read_back_bytes = store_->bytes_read() + read_again_;
}

void AggregatePhase::Release() {
  core_.Stop();
  if (inputs_.stream != nullptr) inputs_.stream->Close();
  UpdateStatistics();
  std::lock_guard lock(mutex_);
  if (std::exchange(released_, true)) return;
  results_.clear();
  large_.clear();
  for (Lane& lane : lanes_) {
    lane.writer.reset();
    lane.table.reset();
  }
  store_.reset();
  lanes_.clear();
}

}  // namespace millstream
