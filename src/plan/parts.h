#pragma once
/// A plan cut into parts of consecutive rows: plans that each run the rows they were cut from, and leave the other parts out.
///
///   ARROW_ASSIGN_OR_RAISE(const auto parts, SplitAtIndices(plan, {100, 250}));  // rows 0 to 99, 100 to 249, 250 on
///
/// A shuffle below keeps to the order of its first epoch (FreezeShuffles), so that no row ever changes its part. Where `rows` is asked for it is the number of
/// the plan's rows, which only a run may tell. Errors are kInvalidArgument and name the values given.

#include <string>
#include <vector>

#include "plan/logical_plan.h"

namespace millstream {

/// The rows before the first index, from each to the next, and from the last on. At least one index, none negative, in ascending order.
Result<std::vector<PlanPtr>> SplitAtIndices(const PlanPtr& plan, const std::vector<int64_t>& indices);
/// One part a proportion, and one of the rows that are left. Proportions are each above 0, and less than 1 together.
/// kInvalidArgument where a part would be empty.
Result<std::vector<PlanPtr>> SplitProportionately(const PlanPtr& plan, const std::vector<double>& proportions, int64_t rows);
/// `count` parts whose sizes differ by at most one row; `equal` leaves out the rows that do not divide.
Result<std::vector<PlanPtr>> SplitEvenly(const PlanPtr& plan, int64_t count, bool equal, int64_t rows);
/// Each row to the first part or, `share` of them, the second: by the hash of a column, or where that is "" by its place, and then a shuffle below stays as it is in
/// the first epoch, so that no row changes its part.
Result<std::vector<PlanPtr>> SplitSampled(const PlanPtr& plan, double share, uint64_t seed, const std::string& column);
/// The first rows, and the last: a share of all, above 0 and below 1, …
Result<std::vector<PlanPtr>> SplitLastShare(const PlanPtr& plan, double share, int64_t rows);
/// … or a number of rows, above 0 and below all.
Result<std::vector<PlanPtr>> SplitLastRows(const PlanPtr& plan, int64_t last, int64_t rows);

}  // namespace millstream
