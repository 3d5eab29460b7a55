#pragma once
/// Rows in the source's order: lanes read scan tasks ahead, the consumer takes their windows in order and cuts them into batches.
///
/// What the lanes and the consumer need is reserved at once (scan_plan.h), so that the oldest task can always go on; how lanes read ahead of the consumer
/// within it is in scan_lane.h.

#include <memory>

#include "exec/polled_stream.h"
#include "exec/engine.h"
#include "ops/row_program.h"
#include "ops/scan_columns.h"

namespace millstream {

/// What no batch has rows of two of. A window is what is read at a time, for who does not mind how rows are cut: then none are copied together.
enum class BatchesWithin : uint8_t { kStream, kSource, kTask, kWindow };

struct ScanStreamOptions {
  int64_t batch_rows = 1024;
  BatchesWithin batches_within = BatchesWithin::kStream;
  bool drop_last = false;
  int prefetch_batches = 1;
  bool preserve_order = true;
  int64_t row_limit = -1;   // of kept rows in all; negative: none
  bool has_resume = false;
  StreamPosition resume;    // key: source, ties: first row of it still wanted
  int64_t memory_kept_bytes = 0;  // of the limit, which the caller keeps for itself
  int64_t window_bytes_max = INT64_MAX;
};

/// kBudget with the number that would do when the memory that is free is too little.
Result<PolledStreamPtr> OpenScanStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                    std::shared_ptr<const RowProgram> program, const ScanStreamOptions& options);

}  // namespace millstream
