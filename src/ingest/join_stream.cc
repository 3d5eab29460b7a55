#include "ingest/join_stream.h"

#include <arrow/array/util.h>
#include <arrow/compute/api_aggregate.h>
#include <arrow/compute/expression.h>
#include <arrow/scalar.h>
#include <arrow/type_traits.h>

#include <algorithm>
#include <mutex>

#include "column/gather.h"
#include "exchange/join_table.h"
#include "exec/stream_task.h"
#include "ops/apply_program.h"
#include "udf/map_stream.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

/// Pairs of one batch of the result.
constexpr int64_t kPairsMax = 64 << 10;

/// Beside the rows themselves while the table is made: another copy, keys, hashes and chains.
constexpr int64_t kBuildCopies = 2;
constexpr int64_t kBuildRowBytes = 40;

bool KeepsLeft(JoinType type) { return type == JoinType::kLeftOuter || type == JoinType::kFullOuter; }
bool KeepsRight(JoinType type) { return type == JoinType::kRightOuter || type == JoinType::kFullOuter; }
bool GivesRight(JoinType type) { return type == JoinType::kRightSemi || type == JoinType::kRightAnti; }
bool NeedsMarks(JoinType type) { return KeepsRight(type) || GivesRight(type); }

/// What the stream, its collecting task and its probing calls share.
struct JoinState {
  JoinState(std::shared_ptr<Engine> engine, PolledStreamPtr right_stream, JoinSpec join_spec, std::shared_ptr<BudgetPool> table_pool)
      : core(std::move(engine)), right(std::move(right_stream)), spec(std::move(join_spec)), pool(std::move(table_pool)) {}

  StreamCore core;
  const PolledStreamPtr right;
  const JoinSpec spec;
  const std::shared_ptr<BudgetPool> pool;
  StageStatistics statistics{"JoinBuild"};
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;  // of the right, while they are collected
  std::shared_ptr<arrow::Schema> right_schema;
  std::mutex mutex;
  // Guarded by mutex:
  std::shared_ptr<JoinTable> table;   // set once all rows of the right are in it
  std::shared_ptr<JoinColumns> columns;  // set by the first call
};

/// The keys of one side as the only columns of the other, which has no rows and never had a schema.
std::shared_ptr<arrow::Schema> KeysAlone(const arrow::Schema& known, const std::vector<std::string>& known_keys, const std::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (size_t key = 0; key < names.size(); ++key) {
    if (const auto field = known.GetFieldByName(known_keys[key])) fields.push_back(field->WithName(names[key]));
  }
  return arrow::schema(std::move(fields));
}

/// `left`: null where it never had a schema.
Result<JoinColumns> ColumnsOf(const JoinState& state, const arrow::Schema* left) {
  const JoinSpec& spec = state.spec;
  auto right = state.right_schema;
  if (right->num_fields() == 0 && left != nullptr) right = KeysAlone(*left, spec.left_keys, spec.right_keys);
  if (left != nullptr && left->num_fields() > 0) return JoinColumnsOf(spec, *left, *right);
  return JoinColumnsOf(spec, *KeysAlone(*right, spec.right_keys, spec.left_keys), *right);
}

Status TooLarge(const JoinState& state, int64_t bytes) {
  const int64_t limit = state.core.engine()->budget()->limit_bytes();
  return MakeError(ErrorKind::kBudget, "join: the right side does not fit into the memory limit of " + std::to_string(limit) + " bytes (it has at least " +
                                           std::to_string(bytes) + " bytes); join the other way round, read fewer columns, or set memory_limit to about " +
                                           std::to_string(4 * bytes + limit / 2) + " bytes");
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
    const Status status = Collect(waker, &more);
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
      ended_ = true;
      *more = false;
      return Build();
    }
    if (batch->data->num_rows() == 0) return Status::OK();
    for (const auto& column : batch->data->columns()) bytes_ += RowBytes(*column->data(), 0, column->length());
    rows_ += batch->data->num_rows();
    state.statistics.rows += batch->data->num_rows();
    // For what is to come too: the copy in the table is made while these are here.
    auto held = Reservation::Take(state.pool->ledger(), bytes_ - held_bytes_);
    if (!held.ok()) return TooLarge(state, bytes_);
    charges_.push_back(std::move(*held));
    held_bytes_ = bytes_;
    state.batches.push_back(std::move(batch->data));
    return Status::OK();
  }

  Status Build() {
    JoinState& state = *state_;
    state.right_schema = state.right->schema() == nullptr ? arrow::schema({}) : state.right->schema();
    std::vector<int> keys;
    for (const std::string& key : state.spec.right_keys) {
      const int column = state.right_schema->GetFieldIndex(key);
      if (column >= 0) keys.push_back(column);
    }
    // Columns that are not there are told with the first row of the left.
    if (keys.size() < state.spec.right_keys.size()) keys.clear();
    auto table = JoinTable::Make(state.right_schema, state.batches, keys, state.pool->for_libraries());
    if (!table.ok()) return KindOf(table.status()) == ErrorKind::kBudget ? TooLarge(state, bytes_) : table.status();
    state.batches.clear();
    charges_.clear();
    {
      std::lock_guard lock(state.mutex);
      state.table = std::move(*table);
    }
    state.core.WakeConsumer();
    return Status::OK();
  }

  TaskCount count_;
  std::shared_ptr<JoinState> state_;
  std::vector<Reservation> charges_;
  int64_t bytes_ = 0;
  int64_t held_bytes_ = 0;
  int64_t rows_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

/// Pairs of rows, `right` being table.rows() where there is none.
struct Pairs {
  std::vector<uint32_t> left;
  std::vector<uint32_t> right;
};

class Prober {
 public:
  explicit Prober(std::shared_ptr<JoinState> state) : state_(std::move(state)) {}

  Result<RecordBatches> operator()(const arrow::RecordBatch& batch) const {
    JoinState& state = *state_;
    std::shared_ptr<JoinTable> table;
    std::shared_ptr<JoinColumns> columns;
    {
      std::lock_guard lock(state.mutex);
      table = state.table;
      if (state.columns == nullptr) {
        ARROW_ASSIGN_OR_RAISE(auto found, ColumnsOf(state, batch.schema().get()));
        state.columns = std::make_shared<JoinColumns>(std::move(found));
      }
      columns = state.columns;
    }
    JoinKeys keys(arrow::default_memory_pool());
    std::vector<std::shared_ptr<arrow::ArrayData>> key_columns;
    for (const int key : columns->left_keys) {
      ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch.column_data(key), arrow::default_memory_pool()));
      key_columns.push_back(std::move(stored));
    }
    ARROW_RETURN_NOT_OK(keys.Fill(key_columns));
    RecordBatches results;
    Pairs pairs;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      AddPairs(keys, row, *table, &pairs);
      if (static_cast<int64_t>(pairs.left.size()) < kPairsMax && row + 1 < batch.num_rows()) continue;
      ARROW_ASSIGN_OR_RAISE(auto made, MakeBatch(batch, *columns, *table, pairs));
      results.push_back(std::move(made));
      pairs = {};
    }
    return results;
  }

 private:
  void AddPairs(const JoinKeys& keys, int64_t row, JoinTable& table, Pairs* pairs) const {
    const JoinType type = state_->spec.type;
    uint32_t found = table.First(keys, row);
    const auto add = [&](uint32_t right) {
      pairs->left.push_back(static_cast<uint32_t>(row));
      pairs->right.push_back(right);
    };
    if (type == JoinType::kLeftSemi || type == JoinType::kLeftAnti) {
      if ((found != JoinTable::kNone) == (type == JoinType::kLeftSemi)) add(0);
      return;
    }
    if (found == JoinTable::kNone && KeepsLeft(type)) add(static_cast<uint32_t>(table.rows()));
    for (; found != JoinTable::kNone; found = table.Next(keys, row, found)) {
      if (NeedsMarks(type)) table.Mark(found);
      if (!GivesRight(type)) add(found);
    }
  }

  Result<std::shared_ptr<arrow::RecordBatch>> MakeBatch(const arrow::RecordBatch& batch, const JoinColumns& join, const JoinTable& table, const Pairs& pairs) const {
    arrow::MemoryPool* pool = arrow::default_memory_pool();
    const auto count = static_cast<int64_t>(pairs.left.size());
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (const JoinColumns::Column& column : join.columns) {
      std::shared_ptr<arrow::ArrayData> values;
      if (column.right) {
        ARROW_ASSIGN_OR_RAISE(values, table.Gather(column.column, pairs.right.data(), count, pool));
      } else {
        ARROW_ASSIGN_OR_RAISE(values, GatherColumn(batch, column.column, pairs.left.data(), count, pool));
      }
      columns.push_back(std::move(values));
    }
    return arrow::RecordBatch::Make(join.schema, count, std::move(columns));
  }

  const std::shared_ptr<JoinState> state_;
};

/// Keeps the rows of the left that the table has a match for.
class MatchSelector : public RowSelector {
 public:
  explicit MatchSelector(std::shared_ptr<JoinTable> table) : table_(std::move(table)) {}
  Status Select(const arrow::RecordBatch& columns, uint8_t* selected) const override {
    JoinKeys keys(arrow::default_memory_pool());
    std::vector<std::shared_ptr<arrow::ArrayData>> stored;
    for (int column = 0; column < columns.num_columns(); ++column) {
      ARROW_ASSIGN_OR_RAISE(auto values, ToStorage(columns.column_data(column), arrow::default_memory_pool()));
      stored.push_back(std::move(values));
    }
    ARROW_RETURN_NOT_OK(keys.Fill(stored));
    for (int64_t row = 0; row < keys.count(); ++row) selected[row] &= table_->First(keys, row) != JoinTable::kNone;
    return Status::OK();
  }

 private:
  const std::shared_ptr<JoinTable> table_;
};

/// Rows of the left without a match leave no trace.
bool DropsUnmatchedLeft(JoinType type) { return !KeepsLeft(type) && type != JoinType::kLeftAnti; }

/// Between the least and the greatest value of the first key, where it is a number.
ExpressionPtr KeyRange(const JoinSpec& spec, const JoinTable& table, int key) {
  const auto keys = table.column(key);
  if (table.rows() == 0 || !arrow::is_integer(keys->type->id())) return nullptr;
  const auto range = arrow::compute::MinMax(arrow::Datum(keys));
  if (!range.ok()) return nullptr;
  const auto& bounds = static_cast<const arrow::StructScalar&>(*range->scalar()).value;
  if (!bounds[0]->is_valid) return nullptr;
  const auto field = arrow::compute::field_ref(spec.left_keys.front());
  return std::make_shared<Expression>(
      arrow::compute::and_(arrow::compute::greater_equal(field, arrow::compute::literal(bounds[0])), arrow::compute::less_equal(field, arrow::compute::literal(bounds[1]))));
}

class JoinStream : public PolledStream {
 public:
  JoinStream(std::shared_ptr<JoinState> state, OpenLeft open_left) : PolledStream(*state->core.engine()), state_(std::move(state)), open_left_(std::move(open_left)) {}
  ~JoinStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (closed_) return StreamBatch{};
    ARROW_RETURN_NOT_OK(state_->core.cancellation().status());
    if (probed_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(const bool built, Built(waker));
      if (!built) return std::nullopt;
      ARROW_RETURN_NOT_OK(OpenProbe());
    }
    while (!left_ended_) {
      ARROW_ASSIGN_OR_RAISE(auto batch, probed_->TryNext(waker));
      if (!batch.has_value()) return batch;
      left_ended_ = batch->data == nullptr;
      if (!left_ended_) return Number(std::move(batch->data));
    }
    return NextOfRight();
  }

  void Close() override {
    if (std::exchange(closed_, true)) return;
    if (probed_ != nullptr) probed_->Close();
    state_->core.Stop();
    state_->right->Close();
    state_->batches.clear();
    std::lock_guard lock(state_->mutex);
    state_->table.reset();
  }

  std::vector<const StageStatistics*> stages() const override {
    auto stages = state_->right->stages();
    stages.push_back(&state_->statistics);
    std::lock_guard lock(mutex_);
    if (probed_ == nullptr) return stages;
    const auto left = probed_->stages();
    stages.insert(stages.end(), left.begin(), left.end());
    return stages;
  }

 private:
  Result<bool> Built(const Waker& waker) {
    std::lock_guard lock(state_->mutex);
    if (state_->table != nullptr) return true;
    state_->core.BlockConsumer(waker);
    return false;
  }

  Status OpenProbe() {
    const auto function = MakeNativeFunction("Join", [prober = std::make_shared<Prober>(state_)](const FunctionCall& call) { return (*prober)(*call.batch); });
    const auto name = [](uint32_t) { return std::string("the left side of Join"); };
    ARROW_ASSIGN_OR_RAISE(auto left, open_left_(KeyFilter()));
    std::lock_guard lock(mutex_);
    left_ = left.get();
    return OpenMapStream(state_->core.engine(), std::move(left), *function, name).Value(&probed_);
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
    const JoinType type = state_->spec.type;
    if (!NeedsMarks(type)) return StreamBatch{};
    const JoinTable& table = *state_->table;
    std::vector<uint32_t> rows;
    const bool marked = type == JoinType::kRightSemi;
    for (; next_right_ < table.rows() && static_cast<int64_t>(rows.size()) < kPairsMax; ++next_right_) {
      if (table.marked(static_cast<uint32_t>(next_right_)) == marked) rows.push_back(static_cast<uint32_t>(next_right_));
    }
    if (rows.empty()) return StreamBatch{};
    ARROW_ASSIGN_OR_RAISE(auto batch, RightRows(rows));
    return Number(std::move(batch));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> RightRows(const std::vector<uint32_t>& rows) {
    arrow::MemoryPool* pool = arrow::default_memory_pool();
    const auto count = static_cast<int64_t>(rows.size());
    ARROW_ASSIGN_OR_RAISE(const JoinColumns join, ColumnsWithoutLeft());
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (size_t i = 0; i < join.columns.size(); ++i) {
      const JoinColumns::Column& column = join.columns[i];
      const auto& type = join.schema->field(static_cast<int>(i))->type();
      const int right = column.right ? column.column : column.right_column;
      std::shared_ptr<arrow::ArrayData> values;
      if (right >= 0) {
        ARROW_ASSIGN_OR_RAISE(values, state_->table->Gather(right, rows.data(), count, pool));
        if (!values->type->Equals(*type)) {
          ARROW_ASSIGN_OR_RAISE(values, ToStorage(values, pool));
          ARROW_ASSIGN_OR_RAISE(values, FromStorage(values, type, pool));
        }
      } else {
        ARROW_ASSIGN_OR_RAISE(const auto nulls, arrow::MakeArrayOfNull(type, count, pool));
        values = nulls->data();
      }
      columns.push_back(std::move(values));
    }
    return arrow::RecordBatch::Make(join.schema, count, std::move(columns));
  }

  Result<JoinColumns> ColumnsWithoutLeft() const {
    {
      std::lock_guard lock(state_->mutex);
      if (state_->columns != nullptr) return *state_->columns;
    }
    return ColumnsOf(*state_, left_->schema().get());
  }

  const std::shared_ptr<JoinState> state_;
  mutable std::mutex mutex_;  // between opening and stages()
  const OpenLeft open_left_;
  PolledStreamPtr probed_;
  const PolledStream* left_ = nullptr;  // below probed_
  std::shared_ptr<arrow::Schema> schema_;
  int64_t next_row_ = 0;
  int64_t next_right_ = 0;
  bool left_ended_ = false;
  bool closed_ = false;
};

}  // namespace

Result<PolledStreamPtr> OpenJoinStream(std::shared_ptr<Engine> engine, OpenLeft open_left, PolledStreamPtr right, JoinSpec spec) {
  ARROW_ASSIGN_OR_RAISE(auto pool, engine->OpenPool("join", 0));
  auto state = std::make_shared<JoinState>(engine, std::move(right), std::move(spec), std::move(pool));
  auto stream = std::make_unique<JoinStream>(state, std::move(open_left));
  ARROW_RETURN_NOT_OK(engine->scheduler()->Submit(std::make_unique<CollectTask>(state), Priority::kNormal));
  return stream;
}

}  // namespace millstream
