#include "millstream/aggregate.h"

#include "plan/logical_plan.h"

namespace millstream {
namespace {

/// `ignored`: whether nulls are where the options do not say.
ColumnAggregate AggregateOf(AggregateKind kind, const std::string& column, const AggregateOptions& options, bool ignored = true) {
  ColumnAggregate aggregate;
  aggregate.column = column;
  aggregate.spec.kind = kind;
  aggregate.spec.name = options.name.empty() ? std::string(NameOf(kind)) + "(" + column + ")" : options.name;
  aggregate.spec.ignore_nulls = options.ignore_nulls.value_or(ignored);
  return aggregate;
}

AggregateFn Made(ColumnAggregate aggregate) { return AggregateFn(std::make_shared<const ColumnAggregate>(std::move(aggregate))); }

}  // namespace

const std::string& AggregateFn::name() const { return aggregate_->spec.name; }

AggregateFn Count(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kCount, column, options, false)); }
AggregateFn Sum(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kSum, column, options)); }
AggregateFn Min(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kMin, column, options)); }
AggregateFn Max(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kMax, column, options)); }
AggregateFn Mean(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kMean, column, options)); }

AggregateFn Std(const std::string& column, int ddof, const AggregateOptions& options) {
  ColumnAggregate aggregate = AggregateOf(AggregateKind::kStd, column, options);
  aggregate.spec.ddof = ddof;
  return Made(std::move(aggregate));
}

AggregateFn AbsMax(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kAbsMax, column, options)); }

AggregateFn Quantile(const std::string& column, double q, const AggregateOptions& options) {
  ColumnAggregate aggregate = AggregateOf(AggregateKind::kQuantile, column, options);
  aggregate.spec.quantile = q;
  return Made(std::move(aggregate));
}

AggregateFn ApproximateQuantile(const std::string& column, std::vector<double> quantiles, int precision, const AggregateOptions& options) {
  ColumnAggregate aggregate = AggregateOf(AggregateKind::kApproximateQuantile, column, options);
  aggregate.spec.quantiles = std::move(quantiles);
  aggregate.spec.precision = precision;
  return Made(std::move(aggregate));
}

AggregateFn ApproximateTopK(const std::string& column, int64_t k, const AggregateOptions& options) {
  ColumnAggregate aggregate = AggregateOf(AggregateKind::kApproximateTopK, column, options);
  aggregate.spec.k = k;
  return Made(std::move(aggregate));
}

AggregateFn Unique(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kUnique, column, options, false)); }
AggregateFn CountDistinct(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kCountDistinct, column, options)); }
AggregateFn ValueCounter(const std::string& column, const AggregateOptions& options) {
  return Made(AggregateOf(AggregateKind::kValueCounter, column, options, false));
}
AggregateFn AsList(const std::string& column, const AggregateOptions& options) { return Made(AggregateOf(AggregateKind::kAsList, column, options, false)); }
AggregateFn MissingValuePercentage(const std::string& column, const AggregateOptions& options) {
  return Made(AggregateOf(AggregateKind::kMissingPercentage, column, options, false));
}
AggregateFn ZeroPercentage(const std::string& column, const AggregateOptions& options) {
  return Made(AggregateOf(AggregateKind::kZeroPercentage, column, options));
}

}  // namespace millstream
