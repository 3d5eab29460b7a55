#include "aggregate/aggregate_result.h"

#include <algorithm>
#include <bit>

#include "aggregate/count_state.h"
#include "aggregate/extreme_state.h"
#include "aggregate/list_results.h"
#include "aggregate/number_results.h"
#include "aggregate/sum_state.h"
#include "aggregate/value_counts_state.h"
#include "column/gather.h"

namespace millstream {
namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;

/// Finds or adds the states of one spec's column.
class States {
 public:
  States(const AggregateSpec& spec, const arrow::Schema& input, StateSet* states, arrow::MemoryPool* pool)
      : column_(spec.column), type_(column_ < 0 ? nullptr : StorageType(input.field(column_)->type())), states_(states), pool_(pool) {}

  const TypePtr& type() const { return type_; }

  CountState* Rows() { return Count("rows", CountedRows::kAll, -1); }
  CountState* Count(const std::string& name, CountedRows counted) { return Count(name, counted, column_); }
  ExtremeState* Extremes(Extreme extreme) {
    return states_->Get<ExtremeState>(column_, extreme == Extreme::kLeast ? "least" : "greatest", [&] { return ExtremeState::Make(extreme, type_, pool_); });
  }
  SumState* Sum() {
    return states_->Get<SumState>(column_, "sum", [&] { return SumState::Make(*type_, pool_); });
  }
  /// The sum that goes with the squares.
  SumState* SumForSquares() {
    if (NumberFormOf(*type_) != NumberForm::kDecimal) return Sum();
    return states_->Get<SumState>(column_, "sum of doubles", [&] { return SumState::Make(*arrow::float64(), pool_); });
  }
  SumState* Squares() {
    return states_->Get<SumState>(column_, "sum of squares", [&] { return SumState::MakeOfSquares(*type_, pool_); });
  }
  NumberLogState* Numbers() {
    return states_->Get<NumberLogState>(column_, "numbers", [&] { return std::make_unique<NumberLogState>(pool_); });
  }
  ValueCountsState* Values(const std::string& name, ValueForm form) {
    return states_->Get<ValueCountsState>(column_, name, [&] { return std::make_unique<ValueCountsState>(form, type_, pool_); });
  }
  ValueCountsState* Values() { return Values("values", {}); }

  /// Whether the result of a group is null because one of its values is.
  GroupTest NullBecauseOfNull(bool ignore_nulls) {
    if (ignore_nulls) return [](uint32_t) { return false; };
    const auto* rows = Rows();
    const auto* valid = Count("valid", CountedRows::kValid);
    return [=](uint32_t group) { return rows->CountOf(group) != valid->CountOf(group); };
  }

 private:
  CountState* Count(const std::string& name, CountedRows counted, int column) {
    return states_->Get<CountState>(column, name, [&] { return std::make_unique<CountState>(counted, pool_); });
  }

  const int column_;
  const TypePtr type_;
  StateSet* const states_;
  arrow::MemoryPool* const pool_;
};

CountState* CountedRowsOf(const AggregateSpec& spec, States& states) {
  return spec.column < 0 || !spec.ignore_nulls ? states.Rows() : states.Count("valid", CountedRows::kValid);
}

ResultMaker ExtremeResult(const ExtremeState* extremes, GroupTest is_null) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> Result<ArrayDataPtr> {
    ARROW_ASSIGN_OR_RAISE(auto values, extremes->Values(groups, count, pool));
    return WithNulls(std::move(values), groups, is_null, pool);
  };
}

int SignificantBits(int precision) { return std::bit_width(static_cast<unsigned>(precision - 1)); }

ResultMaker ApproximateQuantiles(const AggregateSpec& spec, States& states) {
  const int bits = SignificantBits(spec.precision);
  return ApproximateQuantileResult(states.Values("rounded to " + std::to_string(bits) + " bits", {ValueForm::Kind::kRounded, bits}), spec.quantiles);
}

/// States are made in the order of statements: it is that of the columns of partials, which must not depend on the compiler.
ResultMaker NumberResult(const AggregateSpec& spec, const std::string& column, const std::shared_ptr<arrow::Field>& field, States& states) {
  const GroupTest is_null = states.NullBecauseOfNull(spec.ignore_nulls);
  switch (spec.kind) {
    case AggregateKind::kSum: return SumResult(states.Sum(), states.type(), field->type(), column, is_null);
    case AggregateKind::kMean: return MeanResult(states.Sum(), states.type(), is_null);
    case AggregateKind::kStd: {
      const auto* sums = states.SumForSquares();
      return DeviationResult(sums, states.Squares(), spec.ddof, is_null);
    }
    case AggregateKind::kAbsMax: {
      const auto* least = states.Extremes(Extreme::kLeast);
      return AbsoluteResult(least, states.Extremes(Extreme::kGreatest), column, is_null);
    }
    case AggregateKind::kQuantile: return QuantileResult(states.Numbers(), spec.quantile, is_null);
    default: return ExtremeResult(spec.kind == AggregateKind::kMin ? states.Extremes(Extreme::kLeast) : states.Extremes(Extreme::kGreatest), is_null);
  }
}

ResultMaker PercentageOf(const AggregateSpec& spec, States& states) {
  if (spec.kind == AggregateKind::kMissingPercentage) {
    const auto* missing = states.Count("missing", CountedRows::kMissing);
    return PercentageResult(missing, states.Rows());
  }
  const auto* zeros = states.Count("zeros", CountedRows::kZero);
  return PercentageResult(zeros, CountedRowsOf(spec, states));
}

}  // namespace

AggregateState* StateSet::Find(int column, const std::string& name) const {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.column == column && member.name == name; });
  return found == members_.end() ? nullptr : found->state.get();
}

ResultMaker MakeResult(const AggregateSpec& spec, const arrow::Schema& input, const std::shared_ptr<arrow::Field>& field, StateSet* set, arrow::MemoryPool* pool) {
  States states(spec, input, set, pool);
  switch (spec.kind) {
    case AggregateKind::kCount: return CountResult(CountedRowsOf(spec, states));
    case AggregateKind::kSum:
    case AggregateKind::kMin:
    case AggregateKind::kMax:
    case AggregateKind::kMean:
    case AggregateKind::kStd:
    case AggregateKind::kAbsMax:
    case AggregateKind::kQuantile: return NumberResult(spec, input.field(spec.column)->name(), field, states);
    case AggregateKind::kMissingPercentage:
    case AggregateKind::kZeroPercentage: return PercentageOf(spec, states);
    case AggregateKind::kApproximateQuantile: return ApproximateQuantiles(spec, states);
    case AggregateKind::kApproximateTopK: return TopResult(states.Values(), field->type(), spec.k);
    case AggregateKind::kUnique: return UniqueResult(states.Values(), field->type(), spec.ignore_nulls);
    case AggregateKind::kCountDistinct: return CountDistinctResult(states.Values(), spec.ignore_nulls);
    case AggregateKind::kValueCounter: return ValueCounterResult(states.Values(), field->type(), spec.ignore_nulls);
    case AggregateKind::kAsList: return AsListResult(states.Values("numbered values", {ValueForm::Kind::kNumbered}), field->type(), spec.ignore_nulls);
  }
  return nullptr;
}

}  // namespace millstream
