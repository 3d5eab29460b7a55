#pragma once
/// The pull end of an execution: batches in order, made ahead by the engine's lanes within bounds.

#include <arrow/record_batch.h>

#include <memory>
#include <vector>

#include "base/status.h"
#include "exec/stage_statistics.h"

namespace millstream {

/// Where a stream stands after a batch; what a resume needs.
struct StreamPosition {
  uint64_t key = 0;    // shuffle: key of the last row; scan: ordinal of the last row's source
  int64_t ties = 0;    // shuffle: rows up to here that have this key; scan: the last row's number in its source, plus one
};

struct StreamBatch {
  std::shared_ptr<arrow::RecordBatch> data;
  StreamPosition position;
  // Who the rows are, in streams of stages, whose rows are numbered through within a source (docs/order.md):
  uint32_t source = 0;
  int64_t first_row = 0;
};

class BatchStream {
 public:
  virtual ~BatchStream() = default;
  /// Null as long as it is not known: until a function has given its first batch.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next batch; data is null at the end. Blocks without holding any lock of the caller's. `interrupted` is looked at every 50 ms
  /// and ends the wait with kCancelled. One caller at a time.
  virtual Result<StreamBatch> Next(const std::function<bool()>& interrupted) = 0;
  /// Stops the lanes, frees memory and files. Idempotent; called by the destructor.
  virtual void Close() = 0;
  /// The stages in order of flow. Any thread, while another is in Next or Close too.
  virtual std::vector<const StageStatistics*> stages() const = 0;
};

}  // namespace millstream
