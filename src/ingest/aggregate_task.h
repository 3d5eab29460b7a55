#pragma once
/// One lane's work until all rows are read: it takes what it can get and aggregates it in its table, whose groups it moves on when memory is short, or when the table
/// does not reduce the rows.

#include <memory>

#include "ingest/aggregate_phase.h"

namespace millstream {

std::unique_ptr<Task> MakeAggregateTask(std::shared_ptr<AggregatePhase> phase, size_t lane);

}  // namespace millstream
