#pragma once
/// What is to be computed of each group: one AggregateSpec an output column. Meanings and types are those of ray.data.aggregate, where they do not depend on the
/// order of rows there. What `ignore_nulls` is by default there differs by kind: false for count, unique and as_list.
///
/// Nulls: `ignore_nulls` passes over them; without it a group with a null has a null result, except where said otherwise. Groups without values (all null)
/// have a null result, except counts (0) and lists (empty). NaN: sums, means and deviations with a NaN are NaN; least and greatest values and quantiles
/// pass over NaN; the least of nothing but NaN is NaN, a quantile of it null. -0.0 is 0.0, and comes out as 0.0.

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millstream {

enum class AggregateKind : uint8_t {
  kCount,                // int64. Rows, or with a column and ignore_nulls its values that are not null
  kSum,                  // int64, of unsigned integers and booleans uint64, of floating point double, of decimals 38 (76) digits. kInvalidArgument where it does not fit
  kMin,                  // the column's type, which is any that has an order (ordered_bytes.h)
  kMax,
  kMean,                 // double: the exact sum divided by the count, rounded once
  kStd,                  // double: the square root of the exact variance with `ddof`; NaN where there are no more than ddof values
  kAbsMax,               // the column's type, a number
  kMissingPercentage,    // double: of all rows, those that are null or NaN
  kZeroPercentage,       // double: zeros, of values that are not null, or of all rows without ignore_nulls; null where there are none
  kQuantile,             // double: exact, between the two nearest values by linear interpolation
  kApproximateQuantile,  // list<double>: for each of `quantiles` the value of that rank, wrong by at most 1 part in `precision` of itself. Passes over nulls
  kApproximateTopK,      // list<struct<column: value, count: int64>>: the k most frequent values, equal ones by value. Counts are exact. Passes over nulls
  kUnique,               // list of the distinct values in their order, nulls last unless ignored
  kCountDistinct,        // int64: how many those are
  kValueCounter,         // struct<values: list, counts: list<int64>>, as kUnique
  kAsList,               // list of all values by row number, where numbers are equal or none are given by value
};

struct AggregateSpec {
  AggregateKind kind = AggregateKind::kCount;
  int column = -1;   // in the input; -1: none, for kCount
  std::string name;  // of the output column
  bool ignore_nulls = true;
  int ddof = 1;
  double quantile = 0.5;
  std::vector<double> quantiles = {};
  int precision = 512;  // of kApproximateQuantile; 2 to 2^30
  int64_t k = 10;
};

/// The name that users know: "sum", "abs_max", …
std::string_view NameOf(AggregateKind kind);

/// The output field. kType, naming column and remedy, where the column cannot be aggregated so; kInvalidArgument for options out of range or a column that is not there.
Result<std::shared_ptr<arrow::Field>> ResultField(const AggregateSpec& spec, const arrow::Schema& input);

/// kType where a column of this field cannot be a key.
Status CheckKey(const arrow::Field& field);

}  // namespace millstream
