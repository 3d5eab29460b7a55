#pragma once
/// The physical half of explain(): what an execution would read, keep and spill.

#include <string>

#include "ingest/execute.h"
#include "ingest/fold_plan.h"

namespace millstream {

Result<std::string> DescribeExecution(const Engine& engine, const FoldedPlan& folded, const ExecuteOptions& options);

}  // namespace millstream
