#pragma once
/// One row a group, in the order of the keys, nulls last.

#include "exec/polled_stream.h"
#include "ingest/aggregate_phase.h"

namespace millstream {

Result<PolledStreamPtr> OpenAggregateStream(AggregatePhase::Inputs inputs);

}  // namespace millstream
