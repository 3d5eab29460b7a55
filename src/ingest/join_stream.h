#pragma once
/// Joins two streams: the rows of the right are held, those of the left pass by.
///
/// Rows come in the order of the left, those of one left row in the order of the right; where the join keeps rows of the right that nothing matched, they come at the
/// end, in their order. A right semi or anti join gives rows of the right, in their order.

#include "exec/polled_stream.h"
#include "plan/join_type.h"

namespace millstream {

/// The right's rows count for a ledger of their own: kBudget, naming what would do, where they do not fit.
Result<PolledStreamPtr> OpenJoinStream(std::shared_ptr<Engine> engine, PolledStreamPtr left, PolledStreamPtr right, JoinSpec spec);

}  // namespace millstream
