#pragma once
/// Joins two streams: the rows of the right are held, those of the left pass by.
///
/// Rows come in the order of the left, those of one left row in the order of the right; where the join keeps rows of the right that nothing matched, they come at the
/// end, in their order. A right semi or anti join gives rows of the right, in their order.

#include "exec/polled_stream.h"
#include "ops/row_program.h"
#include "plan/join_type.h"

namespace millstream {

/// What is known of the keys once the right is there, for whoever reads the left.
struct JoinKeyFilter {
  std::shared_ptr<const RowSelector> selector;  // over the key columns; null where rows without a match stay
  ExpressionPtr range;                          // of the first key, for leaving out what cannot match; null: not known
};

/// Opens the left side; `schema` is known beforehand where that is not null. Called once, on any thread: it must not wait.
using OpenLeft = std::function<Result<PolledStreamPtr>(const JoinKeyFilter& filter)>;

/// The right's rows count for a ledger of their own: kBudget, naming what would do, where they do not fit.
Result<PolledStreamPtr> OpenJoinStream(std::shared_ptr<Engine> engine, OpenLeft open_left, PolledStreamPtr right, JoinSpec spec);

}  // namespace millstream
