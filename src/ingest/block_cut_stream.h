#pragma once
/// Rows cut into blocks that a repartition asked for: batches that do not reach over the end of a block. Each block is a source of its own.

#include "exec/polled_stream.h"

namespace millstream {

/// Blocks whose sizes differ by at most one row, fewer than `blocks` only where there are fewer rows. Their number must be known once the first batch is there: from the
/// input, or as `rows`.
PolledStreamPtr OpenEvenBlocks(const Engine& engine, PolledStreamPtr input, int64_t blocks, std::optional<int64_t> rows);

/// Blocks of so many rows; the last has what is left.
PolledStreamPtr OpenBlocksOfRows(const Engine& engine, PolledStreamPtr input, int64_t rows);

/// A block for each value of the last column, an int32 by which the rows come in order; that column is left out.
PolledStreamPtr OpenNumberedBlocks(const Engine& engine, PolledStreamPtr input);

}  // namespace millstream
