#pragma once
/// The sizes a shuffle runs with, from what is known before it starts.

#include <cstdint>

#include "exec/engine.h"
#include "ops/row_program.h"
#include "ops/scan_columns.h"

namespace millstream {

struct ShufflePlan {
  int64_t rows = 0;             // upper bound where there is a filter
  int64_t row_bytes = 0;        // decoded, an estimate for columns of varying width
  uint32_t partitions = 1;
  int64_t piece_rows = 0;
  int64_t slab_rows = 0;
  int64_t slabs_ahead = 1;
  int64_t lane_floor_bytes = 0;
  int64_t gather_floor_bytes = 0;
  int64_t slab_floor_bytes = 0;
};

/// kBudget with the number that would do when the floors do not fit the limit.
Result<ShufflePlan> PlanShuffle(const Engine& engine, const ScanSource& source, const RowProgram& program, int64_t batch_rows, int prefetch_batches);

}  // namespace millstream
