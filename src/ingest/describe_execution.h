#pragma once
/// The physical half of explain(): what an execution would read, keep and spill.

#include <string>

#include "ingest/execute.h"
#include "ingest/fold_plan.h"

namespace millstream {

/// `sort_columns`: where the rows are sorted by columns of the program's output.
Result<std::string> DescribeExecution(const Engine& engine, const FoldedPlan& folded, const ExecuteOptions& options, const std::vector<int>& sort_columns = {});

}  // namespace millstream
