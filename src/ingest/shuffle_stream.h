#pragma once
/// One epoch in its global order: scan → scatter → gather → batches.
///
/// Phase one: one ScatterLane a lane until the scan is used up. Phase two: lanes take partitions in order, rebuild them and write their rows straight
/// into slabs; the consumer takes slabs in order and cuts them into batches. A lane may run ahead of the consumer by `slabs_ahead` slabs.

#include <deque>
#include <map>

#include "exec/batch_stream.h"
#include "exec/engine.h"
#include "exec/scatter_lane.h"
#include "ingest/slab.h"

namespace millstream {

struct ShuffleStreamOptions {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  int64_t batch_rows = 1024;
  bool drop_last = false;
  int prefetch_batches = 1;
  StreamPosition resume;       // ties > 0: go on after this position
  bool has_resume = false;
};

Result<std::unique_ptr<BatchStream>> OpenShuffleStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                       std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options);

}  // namespace millstream
