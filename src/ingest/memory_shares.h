#pragma once
/// How the memory limit is divided among the stages of a plan, all of which hold memory at the same time.

#include <cstdint>

#include "plan/logical_plan.h"

namespace millstream {

struct MemoryShares {
  int64_t scan_bytes = 0;      // of one that nothing else reads for
  int64_t exchange_bytes = 0;  // of one, with what reads for it

  /// `kept`: of the limit, for somebody else.
  MemoryShares(const PlanPtr& plan, int64_t limit, int64_t kept);
};

/// Of batches that are joined of several: two of them, where their rows are known; else a share of the limit.
int64_t BytesOfBatches(const PlanNode& plan, int64_t batch_rows, int64_t limit);

/// Rows of a source in its order, through the engine's own functions: opening them takes no time, so that a lane may do it.
bool OpensOnLane(const PlanNode& node);

}  // namespace millstream
