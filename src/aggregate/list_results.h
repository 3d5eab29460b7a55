#pragma once
/// Results that are made of a group's distinct values.

#include "aggregate/number_results.h"
#include "aggregate/value_counts_state.h"

namespace millstream {

/// `values` counts rounded doubles.
ResultMaker ApproximateQuantileResult(const ValueCountsState* values, std::vector<double> quantiles);

ResultMaker TopResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, int64_t k);
ResultMaker UniqueResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, bool ignore_nulls);
ResultMaker CountDistinctResult(const ValueCountsState* values, bool ignore_nulls);
ResultMaker ValueCounterResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, bool ignore_nulls);
/// `values` are numbered.
ResultMaker AsListResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, bool ignore_nulls);

}  // namespace millstream
