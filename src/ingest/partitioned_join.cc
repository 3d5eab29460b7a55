#include "ingest/partitioned_join.h"

#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>

#include <algorithm>
#include <mutex>

#include "base/random.h"
#include "column/gather.h"
#include "exec/row_streams.h"
#include "ingest/attach_stream.h"
#include "ingest/block_rows.h"
#include "ingest/join_probe.h"
#include "ingest/join_range.h"
#include "ingest/sort_stream.h"
#include "ingest/spooled_rows.h"
#include "ingest/spread_sample.h"
#include "ops/apply_program.h"
#include "plan/near_names.h"
#include "udf/map_stream.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

/// Of the numbers of two rows.
constexpr double kPairBytes = 16;
/// Of a part, for some of all pairs; and as many rows as a sort looks at.
constexpr int64_t kSampleShare = 32;
constexpr int64_t kSampledRowBytes = 2 * 9;
constexpr int64_t kSampledRowsMax = 1 << 18;
constexpr int64_t kFrameBytesMax = 1 << 20;

/// The keys of the rows of one batch, with their hash and the rows' numbers behind. Rows with a null key match nothing: they are spread over all hashes.
Result<RecordBatches> HashedKeys(const FunctionCall& call, const std::vector<std::string>& keys) {
  ARROW_ASSIGN_OR_RAISE(const auto columns, FindColumns(keys, *call.batch->schema()));
  JoinKeys hashed(arrow::default_memory_pool());
  ARROW_RETURN_NOT_OK(hashed.Fill(*call.batch, columns));
  arrow::UInt64Builder hashes;
  arrow::Int64Builder numbers;
  ARROW_RETURN_NOT_OK(hashes.Reserve(call.rows));
  ARROW_RETURN_NOT_OK(numbers.Reserve(call.rows));
  for (int64_t row = 0; row < call.rows; ++row) {
    const int64_t number = call.begin_row + row;
    hashes.UnsafeAppend(Mix64(hashed.IsNull(row) ? static_cast<uint64_t>(number) : hashed.hash(row)));
    numbers.UnsafeAppend(number);
  }
  ARROW_ASSIGN_OR_RAISE(const auto hash_column, hashes.Finish());
  ARROW_ASSIGN_OR_RAISE(const auto number_column, numbers.Finish());
  ARROW_ASSIGN_OR_RAISE(auto batch, call.batch->SelectColumns(columns));
  ARROW_ASSIGN_OR_RAISE(batch, batch->AddColumn(batch->num_columns(), arrow::field("hash of the join's keys", arrow::uint64(), false), hash_column));
  ARROW_ASSIGN_OR_RAISE(batch, batch->AddColumn(batch->num_columns(), arrow::field("row of the join", arrow::int64(), false), number_column));
  return RecordBatches{std::move(batch)};
}

/// Memory that is kept free for the parts of the join that are opened later.
class KeptMemory {
 public:
  KeptMemory(std::shared_ptr<BudgetPool> pool, int64_t part_bytes) : pool_(std::move(pool)), part_bytes_(part_bytes) {}
  /// From now on only for so many parts.
  void Keep(int64_t parts) const { pool_->ledger()->TrySetFloor(parts * part_bytes_); }
  int64_t part_bytes() const { return part_bytes_; }
  const std::shared_ptr<BudgetPool>& pool() const { return pool_; }

 private:
  const std::shared_ptr<BudgetPool> pool_;
  const int64_t part_bytes_;
};

struct SortParts {
  int64_t parts = 1;
  int64_t first_pass = 0;  // for rows until all have come, where that is more
};

/// What both sides and the result are opened with.
struct Opening {
  std::shared_ptr<Engine> engine;
  KeptMemory kept;

  /// `sample`: of the rows that come, those columns; null where the first ones are as good as any.
  Result<PolledStreamPtr> Sorted(PolledStreamPtr input, std::vector<int> columns, const std::string& name, int64_t rows_guess, SortParts parts,
                                 std::shared_ptr<arrow::RecordBatch> sample = nullptr) const {
    SortStreamOptions options;
    options.sample = std::move(sample);
    options.by.directions.resize(columns.size());
    options.by.columns = std::move(columns);
    options.stage_name = name;
    options.batch_rows = RowsWithin(kept.part_bytes() / JoinParts::kSortedBatches, *input->schema());
    options.batch_bytes = kept.part_bytes() / JoinParts::kSortedBatches;
    options.memory_kept_bytes = engine->options().memory_limit_bytes - parts.parts * kept.part_bytes();
    options.first_pass_bytes = parts.first_pass * kept.part_bytes();
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::PassThrough(input->schema()));
    // Each batch is a piece of the exchange, and few matches make small ones.
    input = OpenCoalescedStream(*engine, std::move(input), JoinParts::kBatchRowsMin, kept.part_bytes() / JoinParts::kSortedBatches);
    return OpenSortStream(engine, std::move(input), std::move(program), rows_guess, options);
  }
};

struct Side {
  std::vector<std::string> keys;
  std::string name;  // of its stages
  int64_t rows_guess = 0;
  SortParts parts;
};

/// The keys of the rows in the order of their hashes.
Result<PolledStreamPtr> OpenSide(const Opening& opening, PolledStreamPtr input, Side side) {
  const Engine& engine = *opening.engine;
  const auto function = MakeNativeFunction(side.name + " hashed", [keys = side.keys](const FunctionCall& call) { return HashedKeys(call, keys); });
  const auto name = [name = side.name](uint32_t) { return "the input of " + name; };
  ARROW_ASSIGN_OR_RAISE(auto hashed, OpenMapStream(opening.engine, OpenNumberedStream(engine, std::move(input)), *function, name));
  return OpenDeferredStream(engine, std::move(hashed), [opening, side = std::move(side)](PolledStreamPtr over) {
    opening.kept.Keep(2);
    const int column = JoinHashColumn(*over->schema());
    return opening.Sorted(std::move(over), {column}, side.name + " sorted", side.rows_guess, side.parts);
  });
}

std::shared_ptr<arrow::Schema> WithoutExtras(const std::shared_ptr<arrow::Schema>& schema) {
  auto fields = schema == nullptr ? arrow::FieldVector() : schema->fields();
  if (!fields.empty()) fields.resize(fields.size() - kJoinExtraColumns);
  return arrow::schema(std::move(fields));
}

/// The numbers of the rows that match, null where a side has none, of batches of hashed keys.
Result<JoinColumns> PairColumns(const JoinSpec& spec, const std::shared_ptr<arrow::Schema>& left, const std::shared_ptr<arrow::Schema>& right) {
  ARROW_ASSIGN_OR_RAISE(auto join, JoinColumnsOf(spec, *WithoutExtras(left), *WithoutExtras(right)));
  join.columns = {{false, left == nullptr ? -1 : JoinNumberColumn(*left)}, {true, JoinNumberColumn(*right)}};
  join.schema = arrow::schema({arrow::field("row of the left", arrow::int64()), arrow::field("row of the right", arrow::int64())});
  return join;
}

/// Joins one range of hashes after the other.
class RangeJoinStream : public PolledStream {
 public:
  RangeJoinStream(Opening opening, PolledStreamPtr right, std::function<Result<PolledStreamPtr>()> open_left, JoinSpec spec, std::shared_ptr<SpreadSample> sample)
      : PolledStream(*opening.engine), opening_(std::move(opening)), spec_(std::move(spec)), open_left_(std::move(open_left)), right_(std::move(right)),
        sample_(std::move(sample)), range_(&right_, spec_.right_keys, opening_.kept.pool(), opening_.kept.part_bytes()) {}
  ~RangeJoinStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    while (!closed_ && step_ != Step::kEnd) {
      if (probe_ != nullptr) {
        ARROW_ASSIGN_OR_RAISE(auto batch, probe_->Next());
        if (batch != nullptr) return Give(std::move(batch));
        probe_.reset();
      }
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_ASSIGN_OR_RAISE(const bool went_on, Advance(waker, &batch));
      if (!went_on) return std::nullopt;
      if (batch != nullptr) return Give(std::move(batch));
    }
    return StreamBatch{};
  }

  void Close() override {
    if (std::exchange(closed_, true)) return;
    probe_.reset();
    ClearHeld();
    range_.Clear();
    right_.stream().Close();
    if (left_ != nullptr) left_->stream().Close();
  }

  std::vector<const StageStatistics*> stages() const override {
    auto stages = right_.stream().stages();
    std::lock_guard lock(mutex_);
    if (left_ == nullptr) return stages;
    const auto left = left_->stream().stages();
    stages.insert(stages.end(), left.begin(), left.end());
    return stages;
  }

 private:
  enum class Step : uint8_t { kRange, kLeft, kHeld, kRight, kHeldAlone, kEnd };

  /// Rows of the left that pass by several tables, for the right has more of their hash than one can hold.
  struct Held {
    std::shared_ptr<arrow::RecordBatch> batch;
    std::vector<uint8_t> matched;
  };

  StreamBatch Give(std::shared_ptr<arrow::RecordBatch> pairs) {
    sample_->Add(*pairs);
    return StreamBatch{.data = std::move(pairs)};  // the sort numbers them
  }

  /// Does a step, which may give a batch or begin to probe. False where the waker was kept.
  Result<bool> Advance(const Waker& waker, std::shared_ptr<arrow::RecordBatch>* batch) {
    switch (step_) {
      case Step::kRange:
        return MakeTable(waker);
      case Step::kLeft:
        return PassLeft(waker);
      case Step::kHeld:
        return PassHeld();
      case Step::kRight: {
        ARROW_ASSIGN_OR_RAISE(*batch, rows_->RestOfRight(*table_, &next_right_));
        if (*batch == nullptr) EndRange();
        return true;
      }
      case Step::kHeldAlone:
        return PassHeldAlone(batch);
      case Step::kEnd:
        break;
    }
    return true;
  }

  Result<bool> MakeTable(const Waker& waker) {
    ARROW_ASSIGN_OR_RAISE(const bool filled, range_.Fill(waker));
    if (!filled) return false;
    if (range_.goes_on() && GivesLeft(spec_.type)) {
      ARROW_RETURN_NOT_OK(range_.KeepFirstOfEachKey());
      return true;
    }
    ARROW_ASSIGN_OR_RAISE(table_, range_.MakeTable());
    next_right_ = 0;
    next_held_ = 0;
    step_ = holding_ ? Step::kHeld : Step::kLeft;
    holding_ |= range_.goes_on();
    return true;
  }

  Result<bool> PassLeft(const Waker& waker) {
    if (left_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto left, open_left_());
      std::lock_guard lock(mutex_);
      left_ = std::make_unique<HashedRows>(std::move(left));
    }
    ARROW_ASSIGN_OR_RAISE(const bool there, left_->Fill(waker));
    if (!there) return false;
    if (rows_ == nullptr) {
      const auto& left_schema = left_->stream().schema();
      const bool none = left_schema == nullptr || left_schema->num_fields() == 0;
      ARROW_ASSIGN_OR_RAISE(auto columns, PairColumns(spec_, none ? nullptr : left_schema, right_.stream().schema()));
      schema_ = columns.schema;
      const int64_t batch_rows = RowsWithin(opening_.kept.part_bytes() / JoinParts::kJoinedBatches, *schema_);
      rows_ = std::make_shared<JoinRows>(spec_.type, std::move(columns), batch_rows);
    }
    const HashedBatch* next = left_->next();
    if (next == nullptr || next->first() > range_.last_hash()) {
      step_ = holding_ ? Step::kHeld : Step::kRight;
      return true;
    }
    // Of a hash that goes on rows are held; those below it have no match.
    const int64_t below = holding_ ? next->RowsBelow(range_.last_hash()) : next->RowsUpTo(range_.last_hash());
    if (below == 0) {
      ARROW_RETURN_NOT_OK(Hold(left_->Take(next->RowsUpTo(range_.last_hash()))));
      return true;
    }
    ARROW_ASSIGN_OR_RAISE(probe_, JoinProbe::Make(rows_, table_, left_->Take(below).batch()));
    return true;
  }

  Status Hold(const HashedBatch& rows) {
    auto batch = rows.batch();
    if (GivesRight(spec_.type)) {
      // That a key is there is all they tell.
      ARROW_ASSIGN_OR_RAISE(const auto keys, JoinTable::Make(batch->schema(), {batch}, rows_->columns().left_keys, arrow::default_memory_pool()));
      const auto first = keys->FirstRows();
      ARROW_ASSIGN_OR_RAISE(batch, GatherRows(*batch, first.data(), static_cast<int64_t>(first.size()), arrow::default_memory_pool()));
    }
    auto charge = Reservation::Take(opening_.kept.pool()->ledger(), RowBytes(*batch) + batch->num_rows());
    if (!charge.ok()) return TooManyOfOneKey();
    held_rows_ += batch->num_rows();
    charges_.push_back(std::move(*charge));
    held_.push_back({batch, std::vector<uint8_t>(static_cast<size_t>(batch->num_rows()))});
    return CheckPairsOfOneKey();
  }

  /// Refused early: each pair of the rows of one key goes to disk.
  Status CheckPairsOfOneKey() const {
    ARROW_ASSIGN_OR_RAISE(const auto area, opening_.engine->spill());
    const double bytes = kPairBytes * static_cast<double>(held_rows_) * static_cast<double>(table_->rows());
    return GivesLeft(spec_.type) || GivesRight(spec_.type) || bytes <= static_cast<double>(area->bytes_left()) ? Status::OK() : TooManyOfOneKey();
  }

  Status TooManyOfOneKey() const {
    return MakeError(ErrorKind::kBudget, "join: one key has more than " + std::to_string(held_rows_) + " rows on the left and more than " + std::to_string(table_->rows()) +
                                             " on the right, and each pair of them would be a row of the result: that is more than the memory limit and the spill "
                                             "directory have room for; join by more columns, or filter that key out");
  }

  Result<bool> PassHeld() {
    if (next_held_ == held_.size()) {
      step_ = Step::kRight;
      return true;
    }
    Held& held = held_[next_held_++];
    ARROW_ASSIGN_OR_RAISE(probe_, JoinProbe::Make(rows_, table_, held.batch, held.matched.data()));
    return true;
  }

  void EndRange() {
    const bool goes_on = range_.goes_on();
    step_ = range_.at_end() ? Step::kEnd : holding_ && !goes_on ? Step::kHeldAlone : Step::kRange;
    next_held_ = 0;
    // Those held that nothing matched are gathered beside none of this table.
    if (step_ != Step::kHeldAlone) ClearTable();
  }

  Result<bool> PassHeldAlone(std::shared_ptr<arrow::RecordBatch>* batch) {
    if (next_held_ == held_.size() || !KeepsLeft(spec_.type)) {
      ClearHeld();
      ClearTable();
      step_ = Step::kRange;
      return true;
    }
    const Held& held = held_[next_held_++];
    JoinPairs pairs;
    for (size_t row = 0; row < held.matched.size(); ++row) {
      if (held.matched[row] != 0) continue;
      pairs.left.push_back(static_cast<uint32_t>(row));
      pairs.right.push_back(JoinTable::kNone);
    }
    if (pairs.left.empty()) return true;
    ARROW_ASSIGN_OR_RAISE(*batch, rows_->OfPairs(*held.batch, *table_, pairs));
    return true;
  }

  void ClearTable() {
    table_.reset();
    range_.Clear();
  }

  void ClearHeld() {
    held_.clear();
    charges_.clear();
    held_rows_ = 0;
    holding_ = false;
  }

  const Opening opening_;
  const JoinSpec spec_;
  const std::function<Result<PolledStreamPtr>()> open_left_;
  mutable std::mutex mutex_;  // between opening the left and stages()
  HashedRows right_;
  std::unique_ptr<HashedRows> left_;
  const std::shared_ptr<SpreadSample> sample_;  // of what it gives
  JoinRange range_;
  std::shared_ptr<const JoinRows> rows_;
  std::shared_ptr<JoinTable> table_;  // of the range
  std::unique_ptr<JoinProbe> probe_;
  std::vector<Held> held_;
  std::vector<Reservation> charges_;  // of held_
  int64_t held_rows_ = 0;
  size_t next_held_ = 0;
  bool holding_ = false;
  int64_t next_right_ = 0;
  Step step_ = Step::kRange;
  std::shared_ptr<arrow::Schema> schema_;
  bool closed_ = false;
};

/// Brings the rows of both sides together by their numbers, first those of the right, then those of the left.
class PairedRows {
 public:
  PairedRows(JoinSpec spec, std::shared_ptr<SpooledRows> left, std::shared_ptr<SpooledRows> right)
      : spec_(std::move(spec)), left_(std::move(left)), right_(std::move(right)) {}

  /// Of the numbers, with the columns of the right behind them that the result needs.
  Result<std::shared_ptr<arrow::Schema>> SchemaWithRight() {
    ARROW_ASSIGN_OR_RAISE(join_, JoinColumnsOf(spec_, *left_->schema(), *right_->schema()));
    arrow::FieldVector fields = {arrow::field("row of the left", arrow::int64()), arrow::field("row of the right", arrow::int64())};
    for (JoinColumns::Column& column : join_.columns) {
      int& needed = column.right ? column.column : column.right_column;
      if (needed < 0 || (!column.right && !KeepsRight(spec_.type))) continue;
      right_columns_.push_back(needed);
      needed = static_cast<int>(fields.size());
      fields.push_back(right_->schema()->field(right_columns_.back())->WithNullable(true));
    }
    with_right_ = arrow::schema(std::move(fields));
    return with_right_;
  }
  Result<std::shared_ptr<arrow::RecordBatch>> WithRight(const arrow::RecordBatch& numbers, const std::shared_ptr<arrow::RecordBatch>& rows) const {
    auto columns = numbers.columns();
    for (const int column : right_columns_) {
      if (rows != nullptr) {
        columns.push_back(rows->column(column));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto nulls, arrow::MakeArrayOfNull(with_right_->field(static_cast<int>(columns.size()))->type(), numbers.num_rows()));
        columns.push_back(std::move(nulls));
      }
    }
    return arrow::RecordBatch::Make(with_right_, numbers.num_rows(), std::move(columns));
  }

  const std::shared_ptr<arrow::Schema>& schema() const { return join_.schema; }
  Result<std::shared_ptr<arrow::RecordBatch>> WithLeft(const arrow::RecordBatch& with_right, const std::shared_ptr<arrow::RecordBatch>& rows) const {
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (const JoinColumns::Column& column : join_.columns) {
      const auto& type = join_.schema->field(static_cast<int>(columns.size()))->type();
      std::shared_ptr<arrow::ArrayData> values;
      if (column.right) {
        values = with_right.column_data(column.column);
      } else if (rows != nullptr) {
        values = rows->column_data(column.column);
      } else if (column.right_column >= 0) {
        ARROW_ASSIGN_OR_RAISE(values, AsKeyType(with_right.column_data(column.right_column), type, arrow::default_memory_pool()));
      } else {
        ARROW_ASSIGN_OR_RAISE(const auto nulls, arrow::MakeArrayOfNull(type, with_right.num_rows()));
        values = nulls->data();
      }
      columns.push_back(std::move(values));
    }
    return arrow::RecordBatch::Make(join_.schema, with_right.num_rows(), std::move(columns));
  }

 private:
  const JoinSpec spec_;
  const std::shared_ptr<SpooledRows> left_;
  const std::shared_ptr<SpooledRows> right_;
  JoinColumns join_;  // columns of the right are numbered as in with_right_
  std::vector<int> right_columns_;
  std::shared_ptr<arrow::Schema> with_right_;
};

/// The rows of one side whose numbers are in this column of the pairs, in their order.
PolledStreamPtr RowsOfOneSide(const Opening& opening, PolledStreamPtr pairs, int column, int64_t rows_guess, std::shared_ptr<SpooledRows> rows) {
  auto in_order = OpenDeferredStream(*opening.engine, std::move(pairs), [opening, column, rows_guess](PolledStreamPtr over) {
    opening.kept.Keep(2);
    return opening.Sorted(std::move(over), {column}, "Join, rows sorted", rows_guess, {});
  });
  const auto schema = [rows]() -> Result<std::shared_ptr<arrow::Schema>> { return rows->schema(); };
  const auto attach = [](const arrow::RecordBatch&, const std::shared_ptr<arrow::RecordBatch>& named) -> Result<std::shared_ptr<arrow::RecordBatch>> { return named; };
  return OpenAttachStream(opening.engine, std::move(in_order), std::move(rows), opening.kept.pool(), schema, attach, {column, /*hands_over=*/true, opening.kept.part_bytes() / JoinParts::kFrames});
}

/// `sample`: of the pairs, once all have come.
PolledStreamPtr RowsOfBothSides(const Opening& opening, PolledStreamPtr pairs, const std::shared_ptr<SpreadSample>& sample, int64_t rows_guess, const JoinSpec& spec,
                                const std::shared_ptr<SpooledRows>& left, const std::shared_ptr<SpooledRows>& right) {
  const Engine& engine = *opening.engine;
  auto by_right = OpenDeferredStream(engine, std::move(pairs), [opening, rows_guess](PolledStreamPtr over) {
    opening.kept.Keep(2);
    return opening.Sorted(std::move(over), {1}, "Join, pairs sorted", rows_guess, {});
  });
  const auto paired = std::make_shared<PairedRows>(spec, left, right);
  const int64_t batch_bytes = opening.kept.part_bytes() / JoinParts::kFrames;
  auto with_right = OpenAttachStream(
      opening.engine, std::move(by_right), right, opening.kept.pool(), [paired] { return paired->SchemaWithRight(); },
      [paired](const arrow::RecordBatch& numbers, const std::shared_ptr<arrow::RecordBatch>& rows) { return paired->WithRight(numbers, rows); }, {1, /*hands_over=*/false, batch_bytes});
  auto in_order = OpenDeferredStream(engine, std::move(with_right), [opening, sample, rows_guess](PolledStreamPtr over) -> Result<PolledStreamPtr> {
    opening.kept.Keep(1);
    // Where both sides are in the same order the first rows of the right have the first ones of the left: a sample of them would put all others into one partition.
    ARROW_ASSIGN_OR_RAISE(auto some, sample->Rows());
    return opening.Sorted(std::move(over), {0, 1}, "Join, rows sorted", rows_guess, {JoinParts::kWithRight}, std::move(some));
  });
  return OpenAttachStream(
      opening.engine, std::move(in_order), left, opening.kept.pool(), [paired]() -> Result<std::shared_ptr<arrow::Schema>> { return paired->schema(); },
      [paired](const arrow::RecordBatch& with_right, const std::shared_ptr<arrow::RecordBatch>& rows) { return paired->WithLeft(with_right, rows); }, {0, /*hands_over=*/true, batch_bytes});
}

}  // namespace

std::shared_ptr<SpooledRows> SpoolForJoin(std::shared_ptr<Engine> engine, std::shared_ptr<BudgetPool> pool, int64_t memory_bytes, std::string stage_name) {
  const int64_t frame_bytes = std::clamp<int64_t>(memory_bytes / JoinParts::kAll / JoinParts::kFrames, 1, kFrameBytesMax);
  return std::make_shared<SpooledRows>(std::move(engine), std::move(pool), frame_bytes, std::move(stage_name));
}

Result<PolledStreamPtr> OpenPartitionedJoin(std::shared_ptr<Engine> engine, std::function<Result<PolledStreamPtr>()> open_left, PolledStreamPtr right, JoinSpec spec, PartitionedJoinOptions options) {
  const Opening opening{engine, KeptMemory(options.pool, options.memory_bytes / JoinParts::kAll)};
  opening.kept.Keep(JoinParts::kAll - 1);
  const auto left_rows = GivesRight(spec.type) ? nullptr : SpoolForJoin(engine, options.pool, options.memory_bytes, "Join, left rows");
  ARROW_ASSIGN_OR_RAISE(auto right_keys, OpenSide(opening, std::move(right), {spec.right_keys, "Join, right keys", options.right_rows_guess, {1, JoinParts::kFirstPassOfRight}}));
  const Side left_side{spec.left_keys, "Join, left keys", options.left_rows_guess, {1, 1}};
  const auto lent = std::make_shared<std::shared_ptr<PolledStream>>();  // lives as long as the function
  const auto open_left_keys = [opening, left_side, left_rows, lent, open_left = std::move(open_left)]() -> Result<PolledStreamPtr> {
    opening.kept.Keep(3);  // the right has left memory
    ARROW_ASSIGN_OR_RAISE(*lent, open_left());
    auto left = LendStream(*opening.engine, *lent);
    if (left_rows != nullptr) left = SpoolStream(*opening.engine, std::move(left), left_rows);
    return OpenSide(opening, std::move(left), left_side);
  };
  const auto sample = std::make_shared<SpreadSample>(std::clamp<int64_t>(opening.kept.part_bytes() / kSampleShare / kSampledRowBytes, 2, kSampledRowsMax));
  auto pairs = std::make_unique<RangeJoinStream>(opening, std::move(right_keys), open_left_keys, spec, sample);
  const int64_t rows_guess = std::max(options.left_rows_guess, options.right_rows_guess);
  auto joined = GivesLeft(spec.type)    ? RowsOfOneSide(opening, std::move(pairs), 0, rows_guess, left_rows)
                : GivesRight(spec.type) ? RowsOfOneSide(opening, std::move(pairs), 1, rows_guess, options.right_rows)
                                        : RowsOfBothSides(opening, std::move(pairs), sample, rows_guess, spec, left_rows, options.right_rows);
  return OpenNumberedStream(*engine, std::move(joined));
}

}  // namespace millstream
