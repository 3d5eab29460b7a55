#include "ingest/describe_execution.h"

#include <algorithm>

#include "base/bytes.h"
#include "ingest/shuffle_plan.h"

namespace millstream {
namespace {

std::string Bytes(int64_t bytes, bool exact) { return (exact ? "" : "about ") + FormatBytes(bytes) + " (" + std::to_string(bytes) + " bytes)"; }

std::string DescribeShuffle(const ShufflePlan& plan, int64_t limit, bool exact) {
  const int64_t resident = plan.resident_bytes(limit);
  std::string text = std::string("  shuffle: ") + (plan.two_passes() ? "two passes, " + std::to_string(plan.coarse_partitions) + " coarse partitions, " : "one pass, ") +
                     std::to_string(plan.partitions) + " partitions, " + std::to_string(plan.lanes) + " lanes";
  if (plan.two_passes()) {
    text += ", spills: at most " + Bytes(plan.bytes(), exact) + " to be written, and read back";
    const int64_t again = plan.coarse_partitions * std::max<int64_t>(plan.bytes() / plan.coarse_partitions - resident, 0);
    text += again == 0 ? ", once\n" : ", and at most " + Bytes(again, exact) + " of it once more\n";
  } else if (plan.bytes() <= resident) {
    text += ", in memory: nothing is written\n";
  } else {
    // Narrow integers are stored in fewer bytes: what is written may be much less.
    text += ", spills: at most " + Bytes(plan.bytes() - resident, exact) + " to be written, and read back\n";
  }
  return text + "  memory: " + FormatBytes(plan.floor_bytes()) + " reserved, up to " + FormatBytes(resident) + " for rows, limit " + FormatBytes(limit) + "\n";
}

}  // namespace

Result<std::string> DescribeExecution(const Engine& engine, const FoldedPlan& folded, const ExecuteOptions& options) {
  const int64_t limit = engine.options().memory_limit_bytes;
  const ShuffleSizes sizes{options.batch_rows, options.prefetch_batches, engine.scheduler()->lanes(), limit, engine.options().always_two_passes,
                           engine.options().always_spill};
  ARROW_ASSIGN_OR_RAISE(const auto plan, PlanShuffle(*folded.source, *folded.program, sizes));
  const bool exact = plan.exact && folded.filter == nullptr;
  std::string text = "  scan: " + std::to_string(folded.source->tasks().size()) + " tasks, " + (folded.filter == nullptr ? "" : "at most ") +
                     std::to_string(plan.rows) + " rows, " + Bytes(plan.bytes(), exact) + " decoded\n";
  if (folded.shuffle != nullptr) text += DescribeShuffle(plan, limit, exact);
  if (folded.limit >= 0) text += "  limit: " + std::to_string(folded.limit) + " rows\n";
  return text;
}

}  // namespace millstream
