#pragma once
/// The sizes a scan in order runs with, and the memory it is promised, from what is known before it starts.
///
/// The promise, all of it reserved before a data page is read: what each lane holds while it reads a window of rows, the windows that it has read and the
/// consumer has not taken, and what the consumer cuts its batches from. Where columns of varying width turn out larger than the metadata say, the lanes
/// fall back on what is free, then take turns (scan_lane.h).

#include <cstdint>

#include "exec/engine.h"
#include "ops/row_program.h"
#include "ops/scan_rows.h"

namespace millstream {

struct ScanPlan {
  int lanes = 1;
  int64_t window_rows = 1;    // that windows of a task begin at multiples of
  int64_t windows_ahead = 0;  // that a lane may have read, beside the one it reads
  ColumnAccess access = ColumnAccess::kOneByOne;
  // Floors, in bytes; all but the last are a lane's.
  int64_t read_floor = 0;
  int64_t window_floor = 0;
  int64_t batch_floor = 0;

  int64_t floor_bytes() const { return lanes * (read_floor + window_floor) + batch_floor; }
};

struct ScanPlanSizes {
  int64_t batch_rows = 1024;
  int prefetch_batches = 1;
  int lanes = 1;
  int64_t window_rows_max = INT64_MAX;
  int64_t window_bytes_max = INT64_MAX;
  int64_t limit_bytes = 0;  // the engine's, for messages
  int64_t free_bytes = 0;   // of it
  bool shared_out = false;  // the free bytes are the scan's own part
};

/// `tasks`: those of the source that will be read. kBudget with the number that would do when the floors do not fit what is free.
Result<ScanPlan> PlanScan(const ScanSource& source, const std::vector<ScanTask>& tasks, const RowProgram& program, const ScanPlanSizes& sizes);

/// Bytes of a row of the program's output; an estimate where widths vary.
int64_t OutputRowBytes(const ScanSource& source, const RowProgram& program);

}  // namespace millstream
