#pragma once
/// One row a group, in the order of the keys, nulls last.

#include "exec/polled_stream.h"
#include "ingest/aggregate_phase.h"

namespace millstream {

/// In batches of 64 Ki rows, or `any_size`, where nobody sees how they are cut: fewer where they are wide.
Result<PolledStreamPtr> OpenAggregateStream(AggregatePhase::Inputs inputs, bool any_size);

/// Of a batch of results whose size is free, in so much memory.
int64_t RowsOfGroupSlice(int64_t memory_bytes, int64_t row_bytes);

}  // namespace millstream
