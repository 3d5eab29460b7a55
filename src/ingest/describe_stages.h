#pragma once
/// The physical half of explain() where a plan has stages beyond a scan and a shuffle: one line a stage, those it takes its rows from below it.

#include <memory>
#include <string>

#include "ingest/execute.h"

namespace millstream {

/// Numbers of rows that nobody can know before are estimates, and said to be.
Result<std::string> DescribeStages(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options);

/// How many rows the node may give: for sizes only.
int64_t GuessRows(const PlanNode& node);

}  // namespace millstream
