#pragma once
/// The plan that reads Parquet files.

#include <optional>
#include <string>
#include <vector>

#include "env/env.h"
#include "format/files_to_read.h"
#include "plan/logical_plan.h"
#include "task/scheduler.h"

namespace millstream {

/// Lists the files (format/parquet/parquet_dataset.h), reads the footers on the scheduler's lanes (null: here), and keeps `columns` in the given order where they are given:
/// only those are ever decoded. kUnknownColumn naming the near one for a column that neither a file nor a path has; else as ListFiles and ValuesOfPaths.
Result<PlanPtr> ReadParquetPlan(const std::shared_ptr<Env>& env, Scheduler* scheduler, const FilesToRead& files, const std::optional<std::vector<std::string>>& columns = std::nullopt);

}  // namespace millstream
