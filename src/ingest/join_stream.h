#pragma once
/// Joins two streams: the rows of the right are held, those of the left pass by. Where the right turns out to be too large for that, both go through the exchange
/// (partitioned_join.h).
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
  bool goes_through_exchange = false;           // the right did not fit, so that memory stays short
};

struct JoinOptions {
  int64_t memory_bytes = 0;  // for the right's rows and their table, or what takes their place
  int64_t left_rows_guess = 0;
  int64_t right_rows_guess = 0;
};

/// Opens the left side; `schema` is known beforehand where that is not null. Called once, on any thread: it must not wait.
using OpenLeft = std::function<Result<PolledStreamPtr>(const JoinKeyFilter& filter)>;

Result<PolledStreamPtr> OpenJoinStream(std::shared_ptr<Engine> engine, OpenLeft open_left, PolledStreamPtr right, JoinSpec spec, const JoinOptions& options);

}  // namespace millstream
