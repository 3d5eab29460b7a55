#pragma once
/// Files are read without the columns that nothing above asks for.

#include "plan/logical_plan.h"

namespace millstream {

/// The same plan, where what reads files gives only those columns that the projections, filters and aggregates right above it look at.
PlanPtr NarrowFiles(const PlanPtr& plan);

}  // namespace millstream
