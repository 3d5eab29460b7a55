#pragma once
/// The physical half of explain(): what an execution would read, keep and spill.

#include <optional>
#include <string>
#include <vector>

#include "ingest/execute.h"
#include "ingest/fold_plan.h"

namespace millstream {

struct DescribedExchange {
  int64_t memory_bytes = 0;                      // that it may take
  std::optional<std::vector<int>> sort_columns;  // of the program's output, where rows are sorted
};

/// `exchange`: where there is one; its memory is that of the engine where it is not given.
Result<std::string> DescribeExecution(const Engine& engine, const FoldedPlan& folded, const ExecuteOptions& options,
                                      std::optional<DescribedExchange> exchange = std::nullopt);

}  // namespace millstream
