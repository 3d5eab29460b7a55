#pragma once
/// What groups and their aggregates are, said slowly: the plain reference for src/aggregate, through Arrow's own scalars.

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregate/aggregate_spec.h"

namespace millstream::testing_support {

/// Less than 0, 0, more than 0: how row i of `left` stands to row j of `right`, which are of one type (whatever the encoding). NaN after all numbers and equal
/// to itself, -0.0 equal to 0.0, nulls last, text by its bytes.
int CompareRows(const arrow::Array& left, int64_t i, const arrow::Array& right, int64_t j);

/// The rows of each group, in order; groups by their keys. No keys: one group of all rows.
std::vector<std::vector<int64_t>> GroupRows(const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows);

/// Empty where `result` at `row` is the aggregate of these rows of `column` (null for none), else what is wrong with it.
/// Deviations are compared with a relative error of 1e-9, sums and means of floating point for correct rounding.
std::string WrongAggregate(const AggregateSpec& spec, const arrow::Array* column, const std::vector<int64_t>& rows, const arrow::Array& result, int64_t row);

}  // namespace millstream::testing_support
