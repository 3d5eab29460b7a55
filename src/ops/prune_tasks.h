#pragma once
/// Leaves out the scan tasks that a filter rules out by what the source knows of them beforehand.

#include "ops/scan_columns.h"
#include "plan/expression.h"

namespace millstream {

/// The source without the tasks none of whose rows can pass the filter (null: none is left out). The tasks left keep their source, unit and row numbers, so keys and
/// order stay; the filter must still be applied.
std::shared_ptr<const ScanSource> PruneTasks(std::shared_ptr<const ScanSource> source, const Expression* filter);

}  // namespace millstream
