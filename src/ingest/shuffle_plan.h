#pragma once
/// The sizes a shuffle runs with, and the memory it is promised, from what is known before it starts.
///
/// The promise, all of it reserved before a data page is read: each lane's decoder and scatter step, each lane's partition under reconstruction, and the slabs
/// between the gatherers and the consumer. What the limit leaves beyond that holds resident rows.

#include <cstdint>

#include "exec/engine.h"
#include "ops/row_program.h"
#include "ops/scan_columns.h"

namespace millstream {

struct ShufflePlan {
  int64_t rows = 0;             // upper bound where there is a filter
  int64_t row_bytes = 0;        // decoded; an estimate for columns of varying width
  bool exact = false;           // row_bytes is
  uint32_t partitions = 1;
  /// In two passes rows are first cut into so many ranges of partitions, all of which go to disk; 1: one pass.
  uint32_t coarse_partitions = 1;
  int64_t piece_rows = 0;
  int64_t run_rows = 0;  // of a coarse partition that are written, and read back, together, and one piece more; 0: any number
  int64_t slab_rows = 0;
  int64_t slabs_ahead = 1;
  int lanes = 1;
  bool side_by_side = false;    // columns are read through small buffers, for several are open at one time and memory is short
  int64_t order_row_bytes = 0;  // held while a partition is put into order, beside its rows
  bool may_spill = false;       // rows beside the floors may pass the limit
  int64_t rounding_bytes_min = 0;  // by which the allocations of a step are rounded at least
  // Floors, in bytes; all but the last are a lane's.
  int64_t scan_floor = 0;
  int64_t scatter_floor = 0;
  int64_t spill_floor = 0;
  int64_t gather_floor = 0;
  int64_t slab_floor = 0;
  int64_t splitter_bytes = 0;  // between the partitions of a sort: not reserved, but left free

  bool two_passes() const { return coarse_partitions > 1; }
  uint32_t first_pass_partitions() const { return two_passes() ? coarse_partitions : partitions; }
  int64_t bytes() const { return rows * row_bytes; }
  int64_t floor_bytes() const { return lanes * (scan_floor + scatter_floor + spill_floor + gather_floor) + slab_floor + splitter_bytes; }
  /// What may hold resident rows under this limit.
  int64_t resident_bytes(int64_t limit) const { return limit - floor_bytes() + lanes * scatter_floor; }
};

struct ShuffleSizes {
  int64_t batch_rows = 1024;
  int prefetch_batches = 1;
  int lanes = 1;
  int64_t memory_limit_bytes = 0;  // what the shuffle may take
  bool always_two_passes = false;  // hostile switches for tests
  bool always_spill = false;
  int64_t memory_kept_bytes = 0;   // of the engine's limit, which somebody else takes: for messages
  std::vector<int> sort_columns;   // of the program's output
  /// For rows in memory until all have come, where that is more than the limit leaves: then all are spilled, and none stay.
  int64_t first_pass_bytes = 0;
  bool splitters_guessed = false;  // from the first rows: where rows spill, each coarse partition is sampled anew
  bool sorts = false;              // by these columns and then by who rows are; else they are shuffled
};

/// Of an exchange that may take so much of the engine's memory.
ShuffleSizes SizesWithin(const Engine& engine, int64_t memory_bytes);

/// What is known of rows that a stream brings.
struct StreamSizes {
  static constexpr int64_t kBatchRowsGuess = 64 << 10;
  int64_t rows = 0;        // about
  int64_t batch_rows = 0;  // at most, about
  std::vector<int64_t> row_bytes;  // of the program's output columns, about; used where their width varies
};

/// How many rows there are and how wide: a plan that is not sized for any memory.
ShufflePlan PlanRows(const ScanSource& source, const RowProgram& program);

/// kBudget with the number that would do when the floors do not fit the limit.
Result<ShufflePlan> PlanShuffle(const ScanSource& source, const RowProgram& program, const ShuffleSizes& sizes);
Result<ShufflePlan> PlanShuffle(const StreamSizes& stream, const RowProgram& program, const ShuffleSizes& sizes);

/// Memory for putting a partition of so many rows into order, beside the bytes that are read back of it.
int64_t GatherBytes(const ShufflePlan& plan, int64_t rows);

}  // namespace millstream
