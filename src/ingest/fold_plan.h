#pragma once
/// Folds the chain of a logical plan, from the source up, into one row program over the source's columns (filters and projections commute with a shuffle,
/// whose keys come from the source's rows), at most one shuffle, and a limit that ends the stream.

#include <memory>

#include "exec/engine.h"
#include "ops/row_program.h"
#include "plan/logical_plan.h"

namespace millstream {

struct FoldedPlan {
  std::shared_ptr<const ScanSource> source;  // cut to the rows that a limit below leaves, and to the tasks that may hold rows
  std::string source_name;                   // as the plan calls it
  ExpressionPtr filter;                      // over the source's columns; may be null
  NamedExpressions columns;
  const PlanNode* shuffle = nullptr;         // of the plan given; may be null
  int64_t limit = -1;                        // negative: none
  std::shared_ptr<const RowProgram> program;
};

/// Whether FoldPlan takes the plan: its nodes are row-wise, limits and shuffles, and no limit stands between a shuffle and another stage.
bool IsFoldable(const PlanNode& plan);

/// Whether its rows come in the order of their sources and numbers, or of a shuffle: what positions tell.
bool HasPositions(const PlanNode& plan);

/// The source without its first tasks, as far as all their rows are among the first `*rows`, which becomes the number that is left of those.
std::shared_ptr<const ScanSource> SkipTasks(std::shared_ptr<const ScanSource> source, int64_t* rows);

/// A limit below a filter is found by reading the filter's columns up to it.
/// `settle_limit`: a limit at the top becomes a shorter source too.
Result<FoldedPlan> FoldPlan(const std::shared_ptr<Engine>& engine, const PlanNode& plan, bool settle_limit = false);

}  // namespace millstream
