#pragma once
/// Results that are one number a group.

#include <functional>
#include <string>

#include "aggregate/aggregate_result.h"
#include "aggregate/count_state.h"
#include "aggregate/extreme_state.h"
#include "aggregate/number_log_state.h"
#include "aggregate/sum_state.h"

namespace millstream {

using GroupTest = std::function<bool(uint32_t group)>;

ResultMaker CountResult(const CountState* counts);
/// `type` is the column's storage type, `result` the sum's.
ResultMaker SumResult(const SumState* sums, const std::shared_ptr<arrow::DataType>& type, const std::shared_ptr<arrow::DataType>& result, const std::string& column,
                      GroupTest is_null);
ResultMaker MeanResult(const SumState* sums, const std::shared_ptr<arrow::DataType>& type, GroupTest is_null);
ResultMaker DeviationResult(const SumState* sums, const SumState* squares, int ddof, GroupTest is_null);
ResultMaker AbsoluteResult(const ExtremeState* least, const ExtremeState* greatest, const std::string& column, GroupTest is_null);
ResultMaker QuantileResult(const NumberLogState* numbers, double quantile, GroupTest is_null);
/// Of `all`, those in `part`; null where there are none.
ResultMaker PercentageResult(const CountState* part, const CountState* all);

/// `values`, of which nobody else knows, with those groups null besides.
Result<ArrayDataPtr> WithNulls(ArrayDataPtr values, const uint32_t* groups, const GroupTest& is_null, arrow::MemoryPool* pool);

}  // namespace millstream
