#pragma once
/// Blocks: contiguous ranges of a source's rows, which num_blocks() counts and writers cut their files by (docs/adr/0001-blocks.md).
///
/// They follow from the files, their row groups and the number asked for alone, never from threads, budget or machine, and they say nothing of how the rows are read:
/// lanes take scan tasks.

#include <cstdint>
#include <vector>

#include "plan/logical_plan.h"

namespace millstream {

constexpr int64_t kBlocksMax = 1 << 20;

/// The first row of each block in the source's order (rows counted over all its files), and the number of rows at the end: blocks + 1 numbers, ascending.
/// Asked for n > 0: n blocks whose sizes differ by at most one row, fewer only where there are fewer rows. Else a row group each, or a batch of a table.
/// `source` is a plan's source node.
std::vector<int64_t> BlockStarts(const PlanNode& source);

/// How many blocks the plan's rows come in, as far as that is known beforehand: of the uppermost repartition, or of all sources.
int64_t NumBlocks(const PlanNode& plan);

/// The source with a task a block, where it can be cut so: else as it is, a row group a task.
std::shared_ptr<const ScanSource> CutIntoBlocks(const PlanNode& source);

}  // namespace millstream
