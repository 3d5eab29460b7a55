#pragma once
/// The plan that reads Parquet files.

#include <optional>
#include <string>
#include <vector>

#include "env/env.h"
#include "plan/logical_plan.h"
#include "task/scheduler.h"

namespace millstream {

/// Lists `paths` (format/parquet/parquet_dataset.h), reads the footers on the scheduler's lanes (null: here), and keeps `columns` in the given order where they are given: only those are
/// ever decoded. `blocks` as plan/blocks.h. kUnknownColumn naming the near one for a column that no file has.
Result<PlanPtr> ReadParquetPlan(const std::shared_ptr<Env>& env, Scheduler* scheduler, const std::vector<std::string>& paths,
                                const std::optional<std::vector<std::string>>& columns = std::nullopt, int64_t blocks = 0);

}  // namespace millstream
