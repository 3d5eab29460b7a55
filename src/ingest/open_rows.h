#pragma once
/// Opens the streams of a plan that has stages a fold cannot take: functions, unions, zips, limits below a shuffle.
///
/// The tree is cut into segments. Each is what one stream executes: a source or a stage, row-wise nodes above it, and at most one shuffle, or a limit. Segments are
/// opened from the sources up, each over the streams of those below it; lanes work in all of them at once, each bounded by what the next has room for.

#include "exec/polled_stream.h"
#include "ingest/execute.h"

namespace millstream {

/// Batches of options.batch_rows. Positions count rows: a resume runs the plan again and leaves out what was delivered.
Result<std::unique_ptr<BatchStream>> OpenPlan(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options);

}  // namespace millstream
