#pragma once
/// What public expressions and aggregations are inside.

#include <string>
#include <utility>
#include <vector>

#include "millstream/aggregate.h"
#include "millstream/expressions.h"
#include "plan/logical_plan.h"

namespace millstream {

/// The error of the first expression that cannot be.
Result<NamedExpressions> TreesOf(const std::vector<std::pair<std::string, Expr>>& columns);
/// kInvalidArgument for none.
Result<std::vector<ColumnAggregate>> AggregatesOf(const std::vector<AggregateFn>& aggregates);

}  // namespace millstream
