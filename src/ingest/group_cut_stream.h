#pragma once
/// Rows that come sorted by some columns, cut into batches of whole groups of equal keys.

#include "exec/polled_stream.h"
#include "exchange/sort_columns.h"

namespace millstream {

/// Each batch says where its groups begin. A group is in one batch, however many rows it has: what holds it is charged to a ledger of its own, and kBudget is the
/// error where that does not fit. `columns`: of the input's schema.
Result<PolledStreamPtr> OpenGroupCutStream(const std::shared_ptr<Engine>& engine, PolledStreamPtr input, std::vector<int> columns);

}  // namespace millstream
