#include "ingest/aggregate_phase.h"

#include <algorithm>

#include "column/gather.h"
#include "exec/add_arrays.h"
#include "exchange/partition_columns.h"
#include "ops/apply_program.h"
#include "ops/scan_rows.h"

namespace millstream {
namespace {

constexpr uint32_t kPartitions = 256;
constexpr uint32_t kPartitionsOfPiece = 32;
/// Above so many groups in all the lanes' tables are brought together on all lanes.
constexpr int64_t kGroupsOfOneTable = 1 << 18;
constexpr int64_t kWindowRowsMax = 64 << 10;
constexpr int64_t kRowsAtOnceMin = 256;
constexpr int64_t kResultRows = 64 << 10;
constexpr size_t kResultsWaitingMax = 8;
constexpr int64_t kScanFloorMax = 32 << 20;
// Of a lane's share of the memory: its table and, where that moves into the exchange, its partial states beside it; what reads; rows on their way into the exchange.
constexpr int64_t kGroupsShare = 2;
/// Of what is for the groups.
constexpr int64_t kTableShare = 3;
/// Reserved for them at first, in parts of their share: several aggregations may run at once, and most have few groups.
constexpr int64_t kGroupsFloorShare = 8;
constexpr int64_t kScanShare = 8;
constexpr int64_t kExchangeShare = 16;

bool RefusedMemory(const Status& status) { return !status.ok() && KindOf(status) == ErrorKind::kBudget; }

}  // namespace

/// Reads what it can get and aggregates it.
class AggregateTask : public Task {
 public:
  AggregateTask(std::shared_ptr<AggregatePhase> phase, size_t lane) : count_(phase->core()), phase_(std::move(phase)), lane_(lane) {
    for (const AggregateSpec& spec : phase_->inputs_.specs) numbers_rows_ |= spec.kind == AggregateKind::kAsList;
  }

  Step Run(const Waker& waker) override {
    AggregatePhase& phase = *phase_;
    if (!std::exchange(begun_, true)) phase.core_.WakeOnStop(waker);
    if (phase.core_.cancellation().cancelled()) return Step::kDone;
    CpuTimer timer(&phase.statistics_.cpu_nanoseconds);
    bool blocked = false;
    bool ended = false;
    Status status = Take(waker, &blocked, &ended);
    if (blocked) return Step::kBlocked;
    if (status.ok() && !ended) status = Consume();
    if (RefusedMemory(status)) status = GiveBack(status);
    if (status.ok() && !phase.MayGrow(lane())) status = phase.Part(lane());
    if (!status.ok()) {
      phase.core_.Fail(status);
      return Step::kDone;
    }
    if (!ended) return Step::kAgain;
    phase.LaneFinished();
    return Step::kDone;
  }

 private:
  AggregatePhase::Lane& lane() { return phase_->lanes_[lane_]; }

  /// Makes batch_ the next rows.
  Status Take(const Waker& waker, bool* blocked, bool* ended) {
    if (batch_ != nullptr) return Status::OK();
    return phase_->inputs_.stream != nullptr ? TakeFromStream(waker, blocked, ended) : TakeWindow(ended);
  }

  Status TakeFromStream(const Waker& waker, bool* blocked, bool* ended) {
    ARROW_ASSIGN_OR_RAISE(auto batch, phase_->inputs_.stream->TryTake(waker));
    *blocked = !batch.has_value();
    if (*blocked) return Status::OK();
    *ended = batch->data == nullptr;
    if (*ended) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(batch_, ApplyProgram(*phase_->inputs_.program, *batch->data, arrow::default_memory_pool()));
    Number(batch->source, batch->first_row, nullptr);
    return Status::OK();
  }

  Status TakeWindow(bool* ended) {
    if (task_ == nullptr) {
      task_ = phase_->cursor_->Take();
      *ended = task_ == nullptr;
      if (*ended) return Status::OK();
      next_row_ = 0;
    }
    const Status status = ReadWindow();
    if (!status.ok()) rows_.reset();
    return status;
  }

  Status ReadWindow() {
    const auto& inputs = phase_->inputs_;
    arrow::MemoryPool* pool = lane().scan->for_libraries();
    if (rows_ == nullptr) {
      const TaskRows::Options options{kWindowRowsMax, ColumnAccess::kSideBySide, next_row_};
      ARROW_RETURN_NOT_OK(TaskRows::Open(*inputs.source, *task_, inputs.program, options, pool).Value(&rows_));
    }
    ARROW_ASSIGN_OR_RAISE(auto window, rows_->Next(pool));
    if (window.batch == nullptr) {
      rows_.reset();
      task_ = nullptr;
      return Status::OK();
    }
    batch_ = std::move(window.batch);
    Number(task_->source, task_->first_row + next_row_, window.selected.get());
    next_row_ += window.input_rows;
    phase_->scan_.rows += window.input_rows;
    return Status::OK();
  }

  void Number(uint32_t source, int64_t first_row, const arrow::Buffer* selected) {
    if (!numbers_rows_) return;
    numbers_.clear();
    for (int64_t row = 0; static_cast<int64_t>(numbers_.size()) < batch_->num_rows(); ++row) {
      if (selected == nullptr || selected->data()[row] != 0) numbers_.push_back(PackIdentity(source, first_row + row));
    }
  }

  Status Consume() {
    if (batch_ == nullptr) return Status::OK();
    while (rows_consumed_ < batch_->num_rows()) {
      const auto rows = batch_->Slice(rows_consumed_, rows_at_once_);
      ARROW_RETURN_NOT_OK(lane().table->Consume(*rows, numbers_rows_ ? numbers_.data() + rows_consumed_ : nullptr));
      rows_consumed_ += rows->num_rows();
    }
    phase_->statistics_.rows += std::exchange(rows_consumed_, 0);
    batch_.reset();
    return Status::OK();
  }

  /// The step is done again afterwards.
  Status GiveBack(const Status& refusal) {
    if (phase_->inputs_.keys.empty()) return refusal;
    if (lane().table->groups() > 0) return phase_->Part(lane());
    if (batch_ == nullptr || rows_at_once_ <= kRowsAtOnceMin) return refusal;
    rows_at_once_ = std::min(rows_at_once_, batch_->num_rows()) / 2;
    return Status::OK();
  }

  TaskCount count_;
  std::shared_ptr<AggregatePhase> phase_;
  const size_t lane_;
  const ScanTask* task_ = nullptr;
  std::unique_ptr<TaskRows> rows_;
  int64_t next_row_ = 0;  // of the task
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t rows_consumed_ = 0;  // of batch_
  int64_t rows_at_once_ = kWindowRowsMax;
  bool numbers_rows_ = false;
  std::vector<uint64_t> numbers_;  // of batch_
  bool begun_ = false;
};

/// Moves the groups that a lane is left with into the exchange.
class PartTask : public Task {
 public:
  PartTask(std::shared_ptr<AggregatePhase> phase, size_t lane) : count_(phase->core()), phase_(std::move(phase)), lane_(lane) {}
  Step Run(const Waker&) override {
    if (phase_->core_.cancellation().cancelled()) return Step::kDone;
    CpuTimer timer(&phase_->statistics_.cpu_nanoseconds);
    AggregatePhase::Lane& lane = phase_->lanes_[lane_];
    Status status = phase_->Part(lane);
    if (status.ok() && lane.writer != nullptr) status = lane.writer->Finish();
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

/// Aggregates partitions of the exchange.
class PartitionTask : public Task {
 public:
  PartitionTask(std::shared_ptr<AggregatePhase> phase, size_t lane) : count_(phase->core()), phase_(std::move(phase)), lane_(lane) {}
  Step Run(const Waker& waker) override {
    AggregatePhase& phase = *phase_;
    if (phase.core_.cancellation().cancelled()) return Step::kDone;
    uint32_t partition;
    {
      std::lock_guard lock(phase.mutex_);
      if (phase.next_partition_ == kPartitions) return Step::kDone;
      if (phase.results_.size() >= kResultsWaitingMax) {
        phase.core_.Block(waker);
        return Step::kBlocked;
      }
      partition = phase.next_partition_++;
    }
    CpuTimer timer(&phase.statistics_.cpu_nanoseconds);
    const Status status = phase.AggregatePartition(partition, phase.lanes_[lane_].groups);
    if (status.ok()) return Step::kAgain;
    phase.core_.Fail(status);
    return Step::kDone;
  }

 private:
  TaskCount count_;
  std::shared_ptr<AggregatePhase> phase_;
  const size_t lane_;
};

AggregatePhase::AggregatePhase(Inputs inputs)
    : inputs_(std::move(inputs)), core_(inputs_.engine), scan_(inputs_.source_name), statistics_(inputs_.stage_name) {}

Result<std::shared_ptr<AggregatePhase>> AggregatePhase::Make(Inputs inputs) {
  std::shared_ptr<AggregatePhase> phase(new AggregatePhase(std::move(inputs)));
  Engine& engine = *phase->inputs_.engine;
  ARROW_RETURN_NOT_OK(engine.CheckAlive());
  const int lanes = engine.scheduler()->lanes();
  phase->groups_floor_max_ = phase->inputs_.memory_bytes / (kGroupsShare * lanes);
  phase->lanes_.resize(static_cast<size_t>(lanes));
  for (int lane = 0; lane < lanes; ++lane) ARROW_RETURN_NOT_OK(phase->OpenLane(lane));
  phase->result_schema_ = phase->lanes_.front().table->result_schema();
  phase->partial_schema_ = phase->lanes_.front().table->partial_schema();
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
  ARROW_ASSIGN_OR_RAISE(opened.scan, engine.OpenPool("scan lane " + number, std::min(kScanFloorMax, share / kScanShare)));
  ARROW_ASSIGN_OR_RAISE(opened.groups, engine.OpenPool("group lane " + number, groups_floor_max_ / kGroupsFloorShare));
  ARROW_ASSIGN_OR_RAISE(opened.exchange, engine.OpenPool("exchange lane " + number, share / kExchangeShare));
  ARROW_ASSIGN_OR_RAISE(opened.spill, engine.OpenPool("spill lane " + number, ShuffleWriter::FixedBytes(StagingBytes(engine.options().memory_limit_bytes))));
  return MakeTable(opened.groups).Value(&opened.table);
}

Result<std::unique_ptr<GroupTable>> AggregatePhase::MakeTable(const std::shared_ptr<BudgetPool>& pool) const {
  return GroupTable::Make(inputs_.program->output, inputs_.keys, inputs_.specs, pool->for_libraries());
}

bool AggregatePhase::MayGrow(Lane& lane) const {
  if (inputs_.engine->options().always_spill) return lane.table->bytes() == 0;
  Ledger& ledger = *lane.groups->ledger();
  while (lane.table->bytes() > ledger.floor_bytes() / kTableShare) {
    const int64_t floor = std::min(2 * ledger.floor_bytes(), groups_floor_max_);
    if (floor == ledger.floor_bytes() || !ledger.TrySetFloor(floor)) return false;
  }
  return true;
}

Status AggregatePhase::Start() {
  for (size_t lane = 0; lane < lanes_.size(); ++lane) ARROW_RETURN_NOT_OK(Submit(std::make_unique<AggregateTask>(shared_from_this(), lane)));
  return Status::OK();
}

Result<ShuffleStore*> AggregatePhase::Store() {
  std::lock_guard lock(mutex_);
  if (store_ != nullptr) return store_.get();
  ShuffleOptions options;
  options.schema = partial_schema_;
  options.keys = ShuffleKeys::All(EpochKey{}, kPartitions, 0);
  options.staging_bytes = StagingBytes(inputs_.engine->options().memory_limit_bytes);
  options.always_spill = inputs_.engine->options().always_spill;
  ARROW_ASSIGN_OR_RAISE(const auto area, inputs_.engine->spill());
  ARROW_ASSIGN_OR_RAISE(options.spill, area->NewScope());
  store_ = std::make_unique<ShuffleStore>(std::move(options));
  return store_.get();
}

Status AggregatePhase::Part(Lane& lane) {
  if (inputs_.keys.empty() || lane.table->groups() == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(ShuffleStore* store, Store());
  if (lane.writer == nullptr) {
    lane.writer = std::make_unique<ShuffleWriter>(store, static_cast<uint32_t>(&lane - lanes_.data()), lane.exchange, lane.spill);
  }
  auto partials = lane.table->TakePartials(kPartitions);
  if (partials.ok()) return PartBatches(lane, *partials);
  if (!RefusedMemory(partials.status())) return partials.status();
  for (uint32_t partition = 0; partition < kPartitions; ++partition) {
    std::vector<std::shared_ptr<arrow::RecordBatch>> one(kPartitions);
    ARROW_ASSIGN_OR_RAISE(one[partition], lane.table->PartialsOf(static_cast<int>(partition), kPartitions));
    ARROW_RETURN_NOT_OK(PartBatches(lane, one));
  }
  lane.table->Clear();
  return Status::OK();
}

/// `partials`: one a partition, null for one without rows. A few partitions make a piece, so that a step takes little memory.
Status AggregatePhase::PartBatches(Lane& lane, const std::vector<std::shared_ptr<arrow::RecordBatch>>& partials) {
  for (uint32_t begin = 0; begin < kPartitions; begin += kPartitionsOfPiece) {
    ARROW_RETURN_NOT_OK(PartPiece(lane, partials, begin, begin + kPartitionsOfPiece));
  }
  return Status::OK();
}

Status AggregatePhase::PartPiece(Lane& lane, const std::vector<std::shared_ptr<arrow::RecordBatch>>& partials, uint32_t begin, uint32_t end) {
  int64_t rows = 0;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (uint32_t partition = begin; partition < end; ++partition) {
    if (partials[partition] == nullptr || partials[partition]->num_rows() == 0) continue;
    batches.push_back(partials[partition]);
    rows += partials[partition]->num_rows();
  }
  if (rows == 0) return Status::OK();
  const auto assign = [&](uint32_t* partition_of_row) {
    for (uint32_t partition = begin; partition < end; ++partition) {
      const int64_t count = partials[partition] == nullptr ? 0 : partials[partition]->num_rows();
      partition_of_row = std::fill_n(partition_of_row, count, partition);
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(lane.writer->EnsureRoom(rows * 8, *lane.exchange->ledger()));
  ARROW_ASSIGN_OR_RAISE(const auto order, PieceOrder::MakeBy(rows, kPartitions, lane.exchange, assign));
  const PieceRows piece{static_cast<uint32_t>(&lane - lanes_.data()), lane.rows_parted, rows, nullptr};
  lane.rows_parted += rows;
  ARROW_ASSIGN_OR_RAISE(const size_t index, lane.writer->BeginPiece(piece, order));
  for (int column = 0; column < partial_schema_->num_fields(); ++column) {
    std::vector<std::shared_ptr<arrow::ArrayData>> parts;
    const auto& type = partial_schema_->field(column)->type();
    for (const auto& batch : batches) {
      ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch->column_data(column), lane.groups.get()));
      parts.push_back(std::move(stored));
    }
    ARROW_ASSIGN_OR_RAISE(const auto values, Concatenate(parts, StorageType(type), lane.groups.get()));
    ARROW_RETURN_NOT_OK(AddArrays(*lane.writer, index, column, store_->flat_widths()[column], order, values));
  }
  return Status::OK();
}

void AggregatePhase::LaneFinished() {
  if (--lanes_running_ > 0) return;
  const Status status = BringTogether();
  if (!status.ok()) core_.Fail(status);
}

Status AggregatePhase::BringTogether() {
  int64_t groups = 0;
  for (const Lane& lane : lanes_) groups += lane.table->groups() + lane.rows_parted;
  groups_at_most_ = groups;
  bool parted;
  {
    std::lock_guard lock(mutex_);
    parted = store_ != nullptr;
  }
  if (!parted && (groups <= kGroupsOfOneTable || lanes_.size() == 1 || inputs_.keys.empty())) {
    const Status merged = MergeTables();
    if (merged.ok() || !RefusedMemory(merged) || inputs_.keys.empty()) return merged;
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
  // Rows in memory stay where they are; tables are of one partition from now on.
  int64_t kept = 0;
  for (const Lane& lane : lanes_) {
    lane.scan->ledger()->TrySetFloor(0);
    lane.exchange->ledger()->TrySetFloor(0);
    lane.spill->ledger()->TrySetFloor(0);
    Ledger& groups = *lane.groups->ledger();
    int64_t floor = groups_floor_max_ / 2;
    while (floor > groups.floor_bytes() && !groups.TrySetFloor(floor)) floor /= 2;
    if (floor < groups.floor_bytes()) groups.TrySetFloor(floor);
    kept += lane.groups->ledger()->floor_bytes() + lane.exchange->ledger()->used_bytes();
  }
  // Others may run beside this.
  memory_left_ = std::clamp<int64_t>(inputs_.memory_bytes - kept, 0, std::max<int64_t>(inputs_.engine->budget()->free_bytes(), 0));
  {
    std::lock_guard lock(mutex_);
    progress_ = Progress::kPartitions;
  }
  core_.WakeConsumer();
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    const Status status = Submit(std::make_unique<PartitionTask>(shared_from_this(), lane));
    if (!status.ok()) return core_.Fail(status);
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> AggregatePhase::PartialsOf(const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) const {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < partial_schema_->num_fields(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto stored, WholeColumn(rows, column, store_->flat_widths()[column], store_->storage_type(column), pool));
    ARROW_ASSIGN_OR_RAISE(auto values, FromStorage(stored, partial_schema_->field(column)->type(), pool.get()));
    columns.push_back(std::move(values));
  }
  return arrow::RecordBatch::Make(partial_schema_, rows.count, std::move(columns));
}

Status AggregatePhase::AggregatePartition(uint32_t partition, const std::shared_ptr<BudgetPool>& pool) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> results;
  if (store_->RowsOf(partition) > 0) {
    ARROW_ASSIGN_OR_RAISE(auto table, MakeTable(pool));
    {
      ARROW_ASSIGN_OR_RAISE(const PartitionRows rows, store_->Load(partition, pool));
      ARROW_ASSIGN_OR_RAISE(const auto partials, PartialsOf(rows, pool));
      ARROW_RETURN_NOT_OK(table->ConsumePartials(*partials));
    }
    store_->Discard(partition);
    ARROW_RETURN_NOT_OK(table->PrepareFinish());
    for (int64_t begin = 0; begin < table->groups(); begin += kResultRows) {
      ARROW_ASSIGN_OR_RAISE(const auto slice, table->FinishSlice(begin, std::min(kResultRows, table->groups() - begin)));
      ARROW_ASSIGN_OR_RAISE(auto copied, CopyBatch(*slice, arrow::default_memory_pool()));
      results.push_back(std::move(copied));
    }
  }
  {
    std::lock_guard lock(mutex_);
    results_.insert(results_.end(), results.begin(), results.end());
    ++partitions_done_;
  }
  core_.WakeConsumer();
  return Status::OK();
}

AggregatePhase::Progress AggregatePhase::progress(const Waker& waker) {
  std::lock_guard lock(mutex_);
  if (progress_ == Progress::kRunning) core_.BlockConsumer(waker);
  return progress_;
}

Result<std::optional<std::shared_ptr<arrow::RecordBatch>>> AggregatePhase::TryTakeResults(const Waker& waker) {
  ARROW_RETURN_NOT_OK(core_.cancellation().status());
  std::shared_ptr<arrow::RecordBatch> batch;
  {
    std::lock_guard lock(mutex_);
    if (results_.empty()) {
      if (partitions_done_ == kPartitions) return std::shared_ptr<arrow::RecordBatch>();
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
  statistics_.spilled_bytes = store_->bytes_written();
  statistics_.read_back_bytes = store_->bytes_read();
}

void AggregatePhase::Release() {
  core_.Stop();
  if (inputs_.stream != nullptr) inputs_.stream->Close();
  UpdateStatistics();
  std::lock_guard lock(mutex_);
  if (std::exchange(released_, true)) return;
  results_.clear();
  for (Lane& lane : lanes_) {
    lane.writer.reset();
    lane.table.reset();
  }
  store_.reset();
  lanes_.clear();
}

}  // namespace millstream
