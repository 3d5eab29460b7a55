#include "ingest/shuffle_stream.h"

#include <algorithm>
#include <optional>

#include "exchange/partition_columns.h"
#include "exchange/partition_order.h"
#include "exec/stream_task.h"
#include "ingest/shuffle_plan.h"

namespace millstream {
namespace {

/// Rows of one partition that fall into one slab.
struct SlabRange {
  std::shared_ptr<Slab> slab;
  int64_t order_begin;  // in the partition's order
  int64_t slab_begin;   // in the slab
  int64_t count;
};

struct PendingArray {
  Slab* slab;
  int column;
  int64_t row;
  std::shared_ptr<arrow::ArrayData> values;
};

/// State that outlives the stream object while its tasks wind down.
struct StreamState : std::enable_shared_from_this<StreamState> {
  explicit StreamState(std::shared_ptr<Engine> engine) : core(std::move(engine)) {}

  StreamCore core;
  std::shared_ptr<const ScanSource> source;
  std::shared_ptr<const RowProgram> program;
  ShuffleStreamOptions options;
  ShufflePlan plan;
  StageStatistics scan{"ReadParquet"};
  StageStatistics shuffle{"RandomShuffle"};
  StageStatistics output{"Batches"};
  std::vector<std::shared_ptr<BudgetPool>> lane_pools;  // before the store, whose arrays they hold
  std::shared_ptr<Ledger> slab_ledger;
  std::unique_ptr<ShuffleStore> store;
  std::unique_ptr<ScanCursor> cursor;
  std::atomic<int> lanes_scattering{0};

  std::mutex mutex;
  // Guarded by mutex:
  bool gathering = false;
  std::vector<int64_t> first_row;      // of each partition in the output order, partitions + 1
  int64_t total_rows = 0;
  uint32_t next_partition = 0;
  int64_t next_slab = 0;               // that the consumer waits for
  std::map<int64_t, std::shared_ptr<Slab>> open_slabs;
  struct ReadySlab {
    std::shared_ptr<Slab> slab;
    std::shared_ptr<arrow::RecordBatch> batch;
  };
  std::map<int64_t, ReadySlab> ready;

  int64_t slab_count() const { return (total_rows + plan.slab_rows - 1) / plan.slab_rows; }
  int64_t rows_of_slab(int64_t slab) const { return std::min(plan.slab_rows, total_rows - slab * plan.slab_rows); }

  void BeginGathering();
  Result<std::vector<SlabRange>> RangesOf(uint32_t partition, int64_t count);
  Status Gather(uint32_t partition, const std::shared_ptr<BudgetPool>& pool);
  Status GatherColumn(const PartitionRows& rows, const PartitionOrder& order, int column, const std::vector<SlabRange>& ranges,
                      const std::shared_ptr<BudgetPool>& pool, std::vector<PendingArray>* pending);
  void SetPositions(const PartitionOrder& order, const std::vector<SlabRange>& ranges);
  Status Complete(const std::vector<SlabRange>& ranges);
};

class GatherTask : public Task {
 public:
  GatherTask(const std::shared_ptr<StreamState>& state, std::shared_ptr<BudgetPool> pool)
      : count_(state->core), state_(state), pool_(std::move(pool)) {}

  Step Run(const Waker& waker) override {
    if (state_->core.cancellation().cancelled()) return Step::kDone;
    uint32_t partition;
    {
      std::lock_guard lock(state_->mutex);
      if (state_->next_partition == state_->store->partitions()) return Step::kDone;
      const int64_t slab = state_->first_row[state_->next_partition] / state_->plan.slab_rows;
      if (slab > state_->next_slab + state_->plan.slabs_ahead) {
        state_->core.Block(waker);
        return Step::kBlocked;
      }
      partition = state_->next_partition++;
    }
    const Status status = state_->Gather(partition, pool_);
    if (!status.ok()) state_->core.Fail(status);
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<StreamState> state_;
  std::shared_ptr<BudgetPool> pool_;
};

class ScatterTask : public Task {
 public:
  ScatterTask(const std::shared_ptr<StreamState>& state, const ScatterLane::Shared& shared, uint32_t lane, std::shared_ptr<BudgetPool> pool)
      : count_(state->core), state_(state), pool_(pool), lane_(std::make_unique<ScatterLane>(shared, lane, pool)) {}

  Step Run(const Waker&) override {
    if (state_->core.cancellation().cancelled()) return Step::kDone;
    const auto more = lane_->Step();
    if (!more.ok()) {
      state_->core.Fail(more.status());
      return Step::kDone;
    }
    if (*more) return Step::kAgain;
    lane_.reset();
    if (--state_->lanes_scattering == 0) state_->BeginGathering();
    return Step::kDone;
  }

 private:
  TaskCount count_;
  std::shared_ptr<StreamState> state_;
  std::shared_ptr<BudgetPool> pool_;
  std::unique_ptr<ScatterLane> lane_;
};

void StreamState::BeginGathering() {
  const auto counts = store->PartitionCounts();
  int64_t row = options.has_resume ? -options.resume.ties : 0;
  {
    std::lock_guard lock(mutex);
    for (const int64_t count : counts) {
      first_row.push_back(std::max<int64_t>(row, 0));
      row += count;
    }
    first_row.push_back(std::max<int64_t>(row, 0));
    total_rows = first_row.back();
    gathering = true;
  }
  shuffle.rows_expected = total_rows;
  output.rows_expected = total_rows;
  for (const auto& pool : lane_pools) {
    const Status status = core.engine()->scheduler()->Submit(std::make_unique<GatherTask>(shared_from_this(), pool), Priority::kNormal);
    if (!status.ok()) return core.Fail(status);
  }
  core.WakeAll();
}

Result<std::vector<SlabRange>> StreamState::RangesOf(uint32_t partition, int64_t count) {
  std::vector<SlabRange> ranges;
  std::lock_guard lock(mutex);
  int64_t row = first_row[partition];
  const int64_t end = first_row[partition + 1];
  int64_t order_begin = count - (end - row);  // rows before it were consumed before the resume
  while (row < end) {
    const int64_t index = row / plan.slab_rows;
    const int64_t slab_begin = row - index * plan.slab_rows;
    const int64_t rows = std::min(end - row, rows_of_slab(index) - slab_begin);
    auto& slab = open_slabs[index];
    if (slab == nullptr) {
      slab = std::make_shared<Slab>(index, rows_of_slab(index), program->output, &store->flat_widths(),
                                    HandOverPool::Make(slab_ledger, core.engine()->arena()));
      ARROW_RETURN_NOT_OK(slab->Allocate());
    }
    ranges.push_back({slab, order_begin, slab_begin, rows});
    row += rows;
    order_begin += rows;
  }
  return ranges;
}

Status StreamState::Gather(uint32_t partition, const std::shared_ptr<BudgetPool>& pool) {
  CpuTimer timer(&shuffle.cpu_nanoseconds);
  if (first_row[partition] == first_row[partition + 1]) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const PartitionRows rows, store->Load(partition, pool));
  ARROW_ASSIGN_OR_RAISE(const auto order, PartitionOrder::Make(store->options().keys, rows, pool));
  ARROW_ASSIGN_OR_RAISE(const auto ranges, RangesOf(partition, rows.count));
  std::vector<PendingArray> pending;
  for (int column = 0; column < program->output->num_fields(); ++column) {
    ARROW_RETURN_NOT_OK(GatherColumn(rows, order, column, ranges, pool, &pending));
  }
  for (PendingArray& array : pending) array.slab->AddArray(array.column, array.row, std::move(array.values));
  SetPositions(order, ranges);
  store->Discard(partition);
  return Complete(ranges);
}

Status StreamState::GatherColumn(const PartitionRows& rows, const PartitionOrder& order, int column, const std::vector<SlabRange>& ranges,
                                 const std::shared_ptr<BudgetPool>& pool, std::vector<PendingArray>* pending) {
  const int flat_width = store->flat_widths()[column];
  ARROW_ASSIGN_OR_RAISE(auto values, PartitionColumn::Make(rows, column, flat_width, store->storage_type(column), pool));
  for (const SlabRange& range : ranges) {
    if (flat_width == 0) {
      ARROW_ASSIGN_OR_RAISE(auto array, values.GatherArray(order, range.order_begin, range.count, range.slab->pool()));
      pending->push_back({range.slab.get(), column, range.slab_begin, std::move(array)});
      continue;
    }
    values.GatherFlat(order, range.order_begin, range.count, range.slab->flat_values(column, range.slab_begin));
    if (values.has_nulls()) {
      ARROW_ASSIGN_OR_RAISE(uint8_t* valid, range.slab->flat_valid(column, range.slab_begin));
      values.GatherValid(order, range.order_begin, range.count, valid);
    }
  }
  return Status::OK();
}

void StreamState::SetPositions(const PartitionOrder& order, const std::vector<SlabRange>& ranges) {
  for (const SlabRange& range : ranges) {
    const int64_t batch = options.batch_rows;
    for (int64_t row = range.slab_begin; row < range.slab_begin + range.count; ++row) {
      const bool ends_batch = (row + 1) % batch == 0 || row + 1 == range.slab->rows();
      if (!ends_batch) {
        row = std::min((row / batch + 1) * batch, range.slab->rows()) - 2;  // on to the row that ends this batch
        continue;
      }
      const int64_t at = range.order_begin + row - range.slab_begin;
      uint32_t ties = 1;
      while (at - ties >= 0 && order.keys()[at - ties] == order.keys()[at]) ++ties;
      range.slab->SetPosition(row, {order.keys()[at], ties});
    }
  }
}

Status StreamState::Complete(const std::vector<SlabRange>& ranges) {
  for (const SlabRange& range : ranges) {
    if (!range.slab->MarkWritten(range.count)) continue;
    ARROW_ASSIGN_OR_RAISE(auto batch, range.slab->Finish());
    {
      std::lock_guard lock(mutex);
      ready[range.slab->index()] = {range.slab, std::move(batch)};
      open_slabs.erase(range.slab->index());
    }
    core.engine()->scheduler()->Notify();
  }
  return Status::OK();
}

class ShuffleStream : public BatchStream {
 public:
  explicit ShuffleStream(std::shared_ptr<StreamState> state) : state_(std::move(state)) {}
  ~ShuffleStream() override { Close(); }

  Status Start();

  const std::shared_ptr<arrow::Schema>& schema() const override { return state_->program->output; }
  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override;
  void Close() override;
  std::vector<const StageStatistics*> stages() const override { return {&state_->scan, &state_->shuffle, &state_->output}; }

 private:
  Status TakeSlab(const std::function<bool()>& interrupted);

  std::shared_ptr<StreamState> state_;
  std::shared_ptr<arrow::RecordBatch> slab_;
  std::vector<std::pair<int64_t, OrderPosition>> positions_;
  size_t next_position_ = 0;
  int64_t row_ = 0;
  bool closed_ = false;
};

Status ShuffleStream::Start() {
  StreamState& state = *state_;
  ARROW_ASSIGN_OR_RAISE(state.plan, PlanShuffle(*state.core.engine(), *state.source, *state.program, state.options.batch_rows, state.options.prefetch_batches));
  ShuffleOptions options;
  options.schema = state.program->output;
  options.keys = {MakeEpochKey(state.options.seed, state.options.epoch), state.plan.partitions, state.options.has_resume ? state.options.resume.key : 0};
  options.always_spill = state.core.engine()->options().always_spill;
  if (options.always_spill || state.plan.rows * state.plan.row_bytes > state.core.engine()->options().memory_limit_bytes / 4) {
    ARROW_ASSIGN_OR_RAISE(options.spill, state.core.engine()->spill());
  }
  state.store = std::make_unique<ShuffleStore>(std::move(options));
  state.cursor = std::make_unique<ScanCursor>(&state.source->tasks());
  ARROW_ASSIGN_OR_RAISE(state.slab_ledger, Budget::Open(state.core.engine()->budget(), "batches", state.plan.slab_floor_bytes));
  const int lanes = state.core.engine()->scheduler()->lanes();
  for (int lane = 0; lane < lanes; ++lane) {
    ARROW_ASSIGN_OR_RAISE(auto pool, state.core.engine()->OpenPool("shuffle lane " + std::to_string(lane), state.plan.lane_floor_bytes));
    state.lane_pools.push_back(std::move(pool));
  }
  state.scan.rows_expected = state.plan.rows;
  state.lanes_scattering = lanes;
  const ScatterLane::Shared shared{state.source, state.program, state.store.get(), state.cursor.get(), &state.scan, &state.shuffle, state.plan.piece_rows};
  for (int lane = 0; lane < lanes; ++lane) {
    ARROW_RETURN_NOT_OK(state.core.engine()->scheduler()->Submit(
        std::make_unique<ScatterTask>(state_, shared, static_cast<uint32_t>(lane), state.lane_pools[lane]), Priority::kNormal));
  }
  return Status::OK();
}

Status ShuffleStream::TakeSlab(const std::function<bool()>& interrupted) {
  StreamState& state = *state_;
  bool stop = false;
  auto here = [&] {
    if (state.core.cancellation().cancelled()) return true;
    if (interrupted && interrupted()) return stop = true;
    std::lock_guard lock(state.mutex);
    return state.gathering && (state.next_slab == state.slab_count() || state.ready.count(state.next_slab) > 0);
  };
  const auto began = std::chrono::steady_clock::now();
  state.core.engine()->scheduler()->WaitUntil(here);
  state.output.wait_in_nanoseconds += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  ARROW_RETURN_NOT_OK(state.core.cancellation().status());
  if (stop) return MakeError(ErrorKind::kCancelled, "interrupted");
  {
    std::lock_guard lock(state.mutex);
    if (state.next_slab == state.slab_count()) return Status::OK();
    auto taken = state.ready.extract(state.next_slab).mapped();
    slab_ = std::move(taken.batch);
    positions_ = taken.slab->positions();
    taken.slab->HandOver();
    ++state.next_slab;
  }
  next_position_ = 0;
  row_ = 0;
  state.core.WakeAll();
  return Status::OK();
}

Result<StreamBatch> ShuffleStream::Next(const std::function<bool()>& interrupted) {
  if (closed_) return StreamBatch{};
  if (slab_ == nullptr) ARROW_RETURN_NOT_OK(TakeSlab(interrupted));
  if (slab_ == nullptr) return StreamBatch{};
  const int64_t rows = std::min(state_->options.batch_rows, slab_->num_rows() - row_);
  if (rows < state_->options.batch_rows && state_->options.drop_last) {
    slab_.reset();
    return StreamBatch{};
  }
  const OrderPosition position = positions_[next_position_++].second;
  StreamBatch batch{rows == slab_->num_rows() ? slab_ : slab_->Slice(row_, rows), {position.key, position.ties}};
  row_ += rows;
  if (row_ == slab_->num_rows()) slab_.reset();
  state_->output.rows += rows;
  return batch;
}

void ShuffleStream::Close() {
  if (closed_) return;
  closed_ = true;
  slab_.reset();
  state_->core.Stop();
}

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenShuffleStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                       std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options) {
  ARROW_RETURN_NOT_OK(engine->CheckAlive());
  auto state = std::make_shared<StreamState>(std::move(engine));
  state->source = std::move(source);
  state->program = std::move(program);
  state->options = options;
  auto stream = std::make_unique<ShuffleStream>(std::move(state));
  ARROW_RETURN_NOT_OK(stream->Start());
  return stream;
}

}  // namespace millstream
