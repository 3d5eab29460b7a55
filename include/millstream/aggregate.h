#pragma once
/// Aggregations: what Dataset::Aggregate and GroupedData::Aggregate compute of a column, named as in ray.data.aggregate.
///
///   using millstream::Count, millstream::Mean, millstream::Quantile;
///   flights.GroupBy({"carrier"}).Aggregate({Count(), Mean("dep_delay"), Quantile("dep_delay", 0.9, {.name = "late"})});
///
/// Results are exact unless a name says otherwise, and the same to the last bit with any number of processors. An unknown column, and one that cannot be
/// aggregated so, is reported by the call that takes the aggregation. For one of your own there is GroupedData::MapGroups.
///
/// Nulls are passed over, or with ignore_nulls = false make the group's result null. A group of nothing but nulls has a null result; counts are 0 there. NaN is
/// a number: sums, means and deviations with one are NaN, Min, Max and quantiles pass over it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millstream/export.h"

namespace millstream {

struct ColumnAggregate;

struct AggregateOptions {
  /// Of the result's column. Empty: as the function and its column: "sum(distance)", "count()".
  std::string name = {};
  /// Unset: true, but where a function says otherwise.
  std::optional<bool> ignore_nulls = {};
};

/// A cheap immutable value, made by the functions below.
class MILLSTREAM_EXPORT AggregateFn {
 public:
  /// Of the result's column.
  const std::string& name() const;

  /// For the library itself.
  explicit AggregateFn(std::shared_ptr<const ColumnAggregate> aggregate) : aggregate_(std::move(aggregate)) {}
  const ColumnAggregate& aggregate() const { return *aggregate_; }

 private:
  std::shared_ptr<const ColumnAggregate> aggregate_;
};

/// Rows, int64; of a column with ignore_nulls = true its values that are not null, which is not the default.
MILLSTREAM_EXPORT AggregateFn Count(const std::string& column = "", const AggregateOptions& options = {});
/// Integers are summed as int64 (unsigned ones and truth values uint64; the iteration ends with kInvalidArgument where that does not hold them), decimals with
/// 38 digits, others as double.
MILLSTREAM_EXPORT AggregateFn Sum(const std::string& column, const AggregateOptions& options = {});
/// The least value, of any type that has an order.
MILLSTREAM_EXPORT AggregateFn Min(const std::string& column, const AggregateOptions& options = {});
/// The greatest one.
MILLSTREAM_EXPORT AggregateFn Max(const std::string& column, const AggregateOptions& options = {});
/// double, rounded once.
MILLSTREAM_EXPORT AggregateFn Mean(const std::string& column, const AggregateOptions& options = {});
/// The standard deviation, double, divided by n - ddof; NaN for a group of no more than ddof values.
MILLSTREAM_EXPORT AggregateFn Std(const std::string& column, int ddof = 1, const AggregateOptions& options = {});
/// The greatest absolute value.
MILLSTREAM_EXPORT AggregateFn AbsMax(const std::string& column, const AggregateOptions& options = {});
/// double: the quantile `q`, from 0 to 1, between the two nearest values by linear interpolation.
MILLSTREAM_EXPORT AggregateFn Quantile(const std::string& column, double q = 0.5, const AggregateOptions& options = {});
/// list<double>: the values at `quantiles`, each wrong by at most one part in `precision` (2 to 2^30) of itself. Passes over nulls.
MILLSTREAM_EXPORT AggregateFn ApproximateQuantile(const std::string& column, std::vector<double> quantiles, int precision = 800,
                                                  const AggregateOptions& options = {});
/// list<struct<the column: value, count: int64>>: the `k` most frequent values, counted exactly. Passes over nulls.
MILLSTREAM_EXPORT AggregateFn ApproximateTopK(const std::string& column, int64_t k, const AggregateOptions& options = {});
/// A list of the distinct values in their order, nulls last; they count as a value unless ignore_nulls = true.
MILLSTREAM_EXPORT AggregateFn Unique(const std::string& column, const AggregateOptions& options = {});
/// int64: how many distinct values there are.
MILLSTREAM_EXPORT AggregateFn CountDistinct(const std::string& column, const AggregateOptions& options = {});
/// struct<values: list, counts: list<int64>>, as Unique.
MILLSTREAM_EXPORT AggregateFn ValueCounter(const std::string& column, const AggregateOptions& options = {});
/// A list of all values in the order of their rows, nulls among them unless ignore_nulls = true.
MILLSTREAM_EXPORT AggregateFn AsList(const std::string& column, const AggregateOptions& options = {});
/// double: how many of a hundred values are null or NaN.
MILLSTREAM_EXPORT AggregateFn MissingValuePercentage(const std::string& column, const AggregateOptions& options = {});
/// double: how many of a hundred values are zero.
MILLSTREAM_EXPORT AggregateFn ZeroPercentage(const std::string& column, const AggregateOptions& options = {});

}  // namespace millstream
