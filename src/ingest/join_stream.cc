#include "ingest/join_stream.h"

#include <arrow/compute/api_aggregate.h>
#include <arrow/compute/expression.h>
#include <arrow/scalar.h>
#include <arrow/type_traits.h>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <numeric>

#include "column/gather.h"
#include "exec/row_streams.h"
#include "exec/stream_task.h"
#include "ingest/block_rows.h"
#include "ingest/join_probe.h"
#include "ingest/partitioned_join.h"
#include "memory/hand_over_pool.h"
#include "ops/apply_program.h"
#include "plan/near_names.h"
#include "udf/map_stream.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

/// A batch of the right, and the memory that is kept for it.
struct HeldBatch {
  std::shared_ptr<arrow::RecordBatch> data;
  Reservation charge;
};

/// Of the result in the memory limit, at least.
constexpr int64_t kBatchesOfLimit = 64;

/// What the stream, its collecting task and its probing calls share.
struct JoinState {
  JoinState(std::shared_ptr<Engine> engine, PolledStreamPtr right_stream, JoinSpec join_spec, std::shared_ptr<BudgetPool> table_pool, int64_t memory)
      : core(std::move(engine)), right(std::move(right_stream)), spec(std::move(join_spec)), pool(std::move(table_pool)), memory_bytes(memory) {}

  StreamCore core;
  const std::shared_ptr<PolledStream> right;
  const JoinSpec spec;
  const std::shared_ptr<BudgetPool> pool;
  const int64_t memory_bytes;  // for the rows of the right and their table
  StageStatistics statistics{"Join, right side"};
  std::shared_ptr<arrow::Schema> right_schema;
  std::mutex mutex;
  // Guarded by mutex:
  std::deque<HeldBatch> held;            // of the right, while they are collected; of those that are too many the keys alone
  bool too_large = false;                // for a table: no more are collected
  std::shared_ptr<SpooledRows> spooled;  // the rows whose keys are held; null where nobody asks for more than keys
  std::shared_ptr<JoinTable> table;      // set once all rows of the right are in it
  std::vector<Reservation> shared;       // of the batches whose memory the table shares
  std::shared_ptr<const JoinRows> rows;  // set by the first call
};

Result<std::shared_ptr<const JoinRows>> RowsOf(const JoinState& state, const arrow::Schema& left) {
  ARROW_ASSIGN_OR_RAISE(auto columns, JoinColumnsOf(state.spec, left, *state.right_schema));
  const int64_t batch_rows = RowsWithin(state.core.engine()->options().memory_limit_bytes / kBatchesOfLimit, *columns.schema);
  return std::make_shared<const JoinRows>(state.spec.type, std::move(columns), batch_rows);
}

/// Collects the right side and makes the table.
class CollectTask : public Task {
 public:
  explicit CollectTask(std::shared_ptr<JoinState> state) : count_(state->core), state_(std::move(state)) {}

  Step Run(const Waker& waker) override {
    JoinState& state = *state_;
    if (!std::exchange(begun_, true)) state.core.WakeOnStop(waker);
    if (state.core.cancellation().cancelled()) return Step::kDone;
    CpuTimer timer(&state.statistics.cpu_nanoseconds);
    bool more = true;
    const Status status = next_drained_.has_value() ? Drain(&more) : Collect(waker, &more);
    if (!status.ok()) state.core.Fail(status);
    if (!status.ok() || (!more && ended_)) return Step::kDone;
    return more ? Step::kAgain : Step::kBlocked;
  }

 private:
  Status Collect(const Waker& waker, bool* more) {
    JoinState& state = *state_;
    ARROW_ASSIGN_OR_RAISE(auto batch, state.right->TryNext(waker));
    *more = batch.has_value();
    if (!*more) return Status::OK();
    if (batch->data == nullptr) {
      *more = size_.rows > 0 && state.core.engine()->options().always_spill;
      return *more ? BeginDraining() : Build(more);
    }
    if (batch->data->num_rows() == 0) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto keys, FindColumns(state.spec.right_keys, *batch->data->schema()));
    const int64_t bytes = size_.Add(*batch->data, keys);
    if (batch->data->num_rows() < JoinTable::kPieceRows) copied_bytes_ += bytes;
    state.statistics.rows += batch->data->num_rows();
    auto charge = Reservation::Take(state.pool->ledger(), bytes);
    const bool too_large = !charge.ok() || table_bytes() > state.memory_bytes;
    {
      std::lock_guard lock(state.mutex);
      state.held.push_back({std::move(batch->data), charge.ok() ? std::move(*charge) : Reservation()});
    }
    return too_large ? BeginDraining() : Status::OK();
  }

  /// The rows are left to a join that needs not hold them.
  Status BeginDraining() {
    JoinState& state = *state_;
    next_drained_ = 0;
    if (!GivesLeft(state.spec.type)) state.spooled = SpoolForJoin(state.core.engine(), state.pool, state.memory_bytes, "Join, right rows");
    return Status::OK();
  }

  /// Writes one batch to disk, so that its keys alone are held.
  Status Drain(bool* more) {
    JoinState& state = *state_;
    if (*next_drained_ < state.held.size()) {
      HeldBatch& held = state.held[(*next_drained_)++];
      held.charge.Reset();
      if (state.spooled != nullptr) ARROW_RETURN_NOT_OK(state.spooled->Append(held.data));
      ARROW_ASSIGN_OR_RAISE(const auto columns, FindColumns(state.spec.right_keys, *held.data->schema()));
      ARROW_ASSIGN_OR_RAISE(const auto keys, held.data->SelectColumns(columns));
      ARROW_ASSIGN_OR_RAISE(held.data, CopyBatch(*keys, arrow::default_memory_pool()));
      auto charge = Reservation::Take(state.pool->ledger(), RowBytes(*held.data));
      if (charge.ok()) held.charge = std::move(*charge);
      return Status::OK();
    }
    *more = false;
    ended_ = true;
    {
      std::lock_guard lock(state.mutex);
      state.too_large = true;
    }
    state.core.WakeConsumer();
    return Status::OK();
  }

  Status Build(bool* more) {
    JoinState& state = *state_;
    state.right_schema = state.right->schema() == nullptr ? arrow::schema({}) : state.right->schema();
    std::vector<int> keys;
    if (state.right_schema->num_fields() > 0) ARROW_RETURN_NOT_OK(FindColumns(state.spec.right_keys, *state.right_schema).Value(&keys));
    if (!Reservation::Take(state.pool->ledger(), table_bytes() - size_.bytes).ok()) {
      *more = true;
      return BeginDraining();
    }
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    std::vector<Reservation> shared;
    for (HeldBatch& held : state.held) {
      if (held.data->num_rows() >= JoinTable::kPieceRows) shared.push_back(std::move(held.charge));
      batches.push_back(std::move(held.data));
    }
    ARROW_ASSIGN_OR_RAISE(auto table, JoinTable::Make(state.right_schema, std::move(batches), keys, state.pool->for_libraries()));
    ended_ = true;
    {
      std::lock_guard lock(state.mutex);
      state.held.clear();
      state.shared = std::move(shared);
      state.table = std::move(table);
    }
    state.pool->ledger()->TrySetFloor(state.pool->ledger()->used_bytes());
    state.core.WakeConsumer();
    return Status::OK();
  }

  /// Small batches are copied into the table while they are there themselves.
  int64_t table_bytes() const { return size_.table_bytes() + copied_bytes_; }

  TaskCount count_;
  std::shared_ptr<JoinState> state_;
  JoinTableSize size_;
  int64_t copied_bytes_ = 0;
  std::optional<size_t> next_drained_;  // of the batches held, once they are too many
  bool begun_ = false;
  bool ended_ = false;
};

/// The keys of the rows that were collected, then the rows that follow them.
class CollectedStream : public PolledStream {
 public:
  CollectedStream(const Engine& engine, std::deque<HeldBatch> held, PolledStreamPtr rest) : PolledStream(engine), held_(std::move(held)), rest_(std::move(rest)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return rest_->schema(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    given_ = {};
    if (held_.empty()) return rest_->TryNext(waker);
    given_ = std::move(held_.front().charge);
    StreamBatch batch;
    batch.data = std::move(held_.front().data);
    held_.pop_front();
    return batch;
  }
  void Close() override {
    held_.clear();
    given_ = {};
    rest_->Close();
  }
  void StopSoon() override { rest_->StopSoon(); }
  std::vector<const StageStatistics*> stages() const override { return rest_->stages(); }

 private:
  std::deque<HeldBatch> held_;
  Reservation given_;  // of the batch that was given last
  const PolledStreamPtr rest_;
};

/// What the rows of one call make with the table; a batch without rows where that is nothing, which tells the columns.
Result<NextBatch> Probe(const std::shared_ptr<JoinState>& state, const FunctionCall& call) {
  std::shared_ptr<JoinTable> table;
  std::shared_ptr<const JoinRows> rows;
  {
    std::lock_guard lock(state->mutex);
    table = state->table;
    if (state->rows == nullptr) {
      ARROW_ASSIGN_OR_RAISE(state->rows, RowsOf(*state, *call.batch->schema()));
    }
    rows = state->rows;
  }
  ARROW_ASSIGN_OR_RAISE(auto made, JoinProbe::Make(rows, std::move(table), call.batch));
  return [state, probe = std::shared_ptr<JoinProbe>(std::move(made)), rows, any = false](SkippedErrors*) mutable -> Result<std::shared_ptr<arrow::RecordBatch>> {
    // Memory that was touched before; whoever holds the batch counts it.
    const auto memory = HandOverPool::Make(state->pool->ledger(), state->core.engine()->arena());
    ARROW_ASSIGN_OR_RAISE(auto batch, probe->Next(memory.get()));
    memory->EndCharge();
    if (batch != nullptr || std::exchange(any, true)) return batch;
    return arrow::RecordBatch::MakeEmpty(rows->columns().schema);
  };
}

/// Keeps the rows of the left that the table has a match for.
class MatchSelector : public RowSelector {
 public:
  explicit MatchSelector(std::shared_ptr<JoinTable> table) : table_(std::move(table)) {}
  Status Select(const arrow::RecordBatch& columns, uint8_t* selected) const override {
    std::vector<int> all(static_cast<size_t>(columns.num_columns()));
    std::iota(all.begin(), all.end(), 0);
    JoinKeys keys(arrow::default_memory_pool());
    std::array<uint32_t, JoinTable::kLookupRows> found;
    for (int64_t begin = 0; begin < columns.num_rows(); begin += JoinTable::kLookupRows) {
      ARROW_RETURN_NOT_OK(keys.Fill(*columns.Slice(begin, JoinTable::kLookupRows), all));
      table_->FindFirst(keys, 0, keys.count(), found.data());
      for (int64_t row = 0; row < keys.count(); ++row) selected[begin + row] &= found[static_cast<size_t>(row)] != JoinTable::kNone;
    }
    return Status::OK();
  }

 private:
  const std::shared_ptr<JoinTable> table_;
};

/// Rows of the left without a match leave no trace.
bool DropsUnmatchedLeft(JoinType type) { return !KeepsLeft(type) && type != JoinType::kLeftAnti; }

/// Between the least and the greatest value of the first key, where it is a number.
ExpressionPtr KeyRange(const JoinSpec& spec, const JoinTable& table, int key) {
  arrow::ArrayVector keys;
  for (const auto& piece : table.column(key)) keys.push_back(arrow::MakeArray(piece));
  if (table.rows() == 0 || !arrow::is_integer(keys.front()->type_id())) return nullptr;
  const auto range = arrow::compute::MinMax(std::make_shared<arrow::ChunkedArray>(std::move(keys)));
  if (!range.ok()) return nullptr;
  const auto& bounds = static_cast<const arrow::StructScalar&>(*range->scalar()).value;
  if (!bounds[0]->is_valid) return nullptr;
  const auto field = arrow::compute::field_ref(spec.left_keys.front());
  return std::make_shared<Expression>(
      arrow::compute::and_(arrow::compute::greater_equal(field, arrow::compute::literal(bounds[0])), arrow::compute::less_equal(field, arrow::compute::literal(bounds[1]))));
}

class JoinStream : public PolledStream {
 public:
  JoinStream(std::shared_ptr<JoinState> state, OpenLeft open_left, JoinOptions options)
      : PolledStream(*state->core.engine()), state_(std::move(state)), open_left_(std::move(open_left)), options_(options) {}
  ~JoinStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return partitioned_ ? joined_->schema() : schema_; }
  std::optional<int64_t> total_rows() const override { return partitioned_ ? joined_->total_rows() : std::nullopt; }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (closed_) return StreamBatch{};
    ARROW_RETURN_NOT_OK(state_->core.cancellation().status());
    if (joined_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(const bool collected, Collected(waker));
      if (!collected) return std::nullopt;
      const Status opened = state_->table == nullptr ? OpenPartitioned() : OpenProbe();
      if (!opened.ok()) state_->core.Fail(opened);
      ARROW_RETURN_NOT_OK(opened);
    }
    if (partitioned_) return joined_->TryNext(waker);
    while (!left_ended_) {
      ARROW_ASSIGN_OR_RAISE(auto batch, joined_->TryNext(waker));
      if (!batch.has_value()) return batch;
      left_ended_ = batch->data == nullptr;
      if (!left_ended_) return Number(std::move(batch->data));
    }
    return NextOfRight();
  }

  void Close() override {
    if (std::exchange(closed_, true)) return;
    if (joined_ != nullptr) joined_->Close();
    state_->core.Stop();
    if (left_ != nullptr) left_->Close();
    state_->right->Close();
    std::lock_guard lock(state_->mutex);
    state_->held.clear();
    state_->table.reset();
    state_->shared.clear();
  }

  std::vector<const StageStatistics*> stages() const override {
    std::lock_guard lock(mutex_);
    std::vector<const StageStatistics*> stages;
    if (!partitioned_) {
      stages = state_->right->stages();
      stages.push_back(&state_->statistics);
    }
    if (joined_ == nullptr) return stages;
    const auto joined = joined_->stages();
    stages.insert(stages.end(), joined.begin(), joined.end());
    return stages;
  }

 private:
  Result<bool> Collected(const Waker& waker) {
    std::lock_guard lock(state_->mutex);
    if (state_->table != nullptr || state_->too_large) return true;
    state_->core.BlockConsumer(waker);
    return false;
  }

  Status OpenProbe() {
    const auto function = MakeNativeBatchesFunction("Join", [state = state_](const FunctionCall& call) { return Probe(state, call); });
    const auto name = [](uint32_t) { return std::string("the left side of Join"); };
    ARROW_ASSIGN_OR_RAISE(auto left, open_left_(KeyFilter()));
    std::lock_guard lock(mutex_);
    left_ = std::move(left);
    return OpenMapStream(state_->core.engine(), LendStream(*state_->core.engine(), left_), *function, name).Value(&joined_);
  }

  Status OpenPartitioned() {
    const auto& engine = state_->core.engine();
    const auto open_left = [open = open_left_] { return open({.goes_through_exchange = true}); };
    std::lock_guard lock(mutex_);
    auto rest = LendStream(*engine, state_->right);
    if (state_->spooled != nullptr) rest = SpoolStream(*engine, std::move(rest), state_->spooled);
    auto right = std::make_unique<CollectedStream>(*engine, std::move(state_->held), std::move(rest));
    partitioned_ = true;
    const PartitionedJoinOptions options{state_->pool, state_->pool->ledger()->floor_bytes(), state_->spooled, options_.left_rows_guess, options_.right_rows_guess};
    return OpenPartitionedJoin(engine, open_left, std::move(right), state_->spec, options).Value(&joined_);
  }

  JoinKeyFilter KeyFilter() const {
    JoinKeyFilter filter;
    const int key = state_->right_schema->GetFieldIndex(state_->spec.right_keys.front());
    if (!DropsUnmatchedLeft(state_->spec.type) || key < 0) return filter;
    filter.selector = std::make_shared<MatchSelector>(state_->table);
    filter.range = KeyRange(state_->spec, *state_->table, key);
    return filter;
  }

  StreamBatch Number(std::shared_ptr<arrow::RecordBatch> batch) {
    if (schema_ == nullptr) schema_ = batch->schema();
    StreamBatch out;
    out.first_row = next_row_;
    next_row_ += batch->num_rows();
    out.position = {0, next_row_};
    out.data = std::move(batch);
    return out;
  }

  /// Rows of the right that are kept for their own sake.
  Result<std::optional<StreamBatch>> NextOfRight() {
    ARROW_RETURN_NOT_OK(FindColumns());
    if (rows_ == nullptr) return StreamBatch{};
    ARROW_ASSIGN_OR_RAISE(auto batch, rows_->RestOfRight(*state_->table, &next_right_));
    if (batch == nullptr) return StreamBatch{};
    return Number(std::move(batch));
  }

  /// Of the result, where no row of the left has told them. Where neither side ever had any, there are none.
  Status FindColumns() {
    if (rows_ == nullptr) {
      std::lock_guard lock(state_->mutex);
      rows_ = state_->rows;
    }
    const auto left = left_->schema() == nullptr ? arrow::schema({}) : left_->schema();
    const bool any = left->num_fields() + state_->right_schema->num_fields() > 0;
    if (rows_ == nullptr && any) {
      ARROW_ASSIGN_OR_RAISE(rows_, RowsOf(*state_, *left));
    }
    if (schema_ == nullptr) schema_ = rows_ == nullptr ? arrow::schema({}) : rows_->columns().schema;
    return Status::OK();
  }

  const std::shared_ptr<JoinState> state_;
  mutable std::mutex mutex_;  // between opening and stages()
  const OpenLeft open_left_;
  const JoinOptions options_;
  PolledStreamPtr joined_;
  bool partitioned_ = false;             // joined_ is all of the result
  std::shared_ptr<PolledStream> left_;  // below joined_
  std::shared_ptr<const JoinRows> rows_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t next_row_ = 0;
  int64_t next_right_ = 0;
  bool left_ended_ = false;
  bool closed_ = false;
};

}  // namespace

Result<PolledStreamPtr> OpenJoinStream(std::shared_ptr<Engine> engine, OpenLeft open_left, PolledStreamPtr right, JoinSpec spec, const JoinOptions& options) {
  // Other executions may have taken memory that the plan was given.
  const int64_t floor = std::min(options.memory_bytes, engine->budget()->free_bytes() / 4 * 3);
  ARROW_ASSIGN_OR_RAISE(auto pool, engine->OpenPool("join", floor));
  auto state = std::make_shared<JoinState>(engine, std::move(right), std::move(spec), std::move(pool), options.memory_bytes);
  auto stream = std::make_unique<JoinStream>(state, std::move(open_left), options);
  ARROW_RETURN_NOT_OK(engine->scheduler()->Submit(std::make_unique<CollectTask>(state), Priority::kNormal));
  return stream;
}

}  // namespace millstream
