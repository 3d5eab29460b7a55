#pragma once
/// Rows in the source's order: lanes read scan tasks ahead, the consumer takes their windows in order and cuts them into batches.
///
/// At most `lanes + 1` tasks are under way, and a task that is not the oldest stops when its share of the queue is full, so memory is bounded
/// and the oldest can always go on.

#include <memory>

#include "exec/batch_stream.h"
#include "exec/engine.h"
#include "ops/row_program.h"
#include "ops/scan_columns.h"

namespace millstream {

struct ScanStreamOptions {
  int64_t batch_rows = 1024;
  bool drop_last = false;
  int prefetch_batches = 1;
  bool preserve_order = true;
  int64_t row_limit = -1;   // of kept rows in all; negative: none
  bool has_resume = false;
  StreamPosition resume;    // key: source, ties: first row of it still wanted
};

Result<std::unique_ptr<BatchStream>> OpenScanStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                    std::shared_ptr<const RowProgram> program, const ScanStreamOptions& options);

}  // namespace millstream
