#pragma once
/// Rows of a batch where a stage takes whole blocks: a block that has more comes in several (docs/order.md). A function of the schema alone, so that nothing else
/// decides what a function is given.

#include <arrow/type_fwd.h>

#include <cstdint>

namespace millstream {

constexpr int64_t kBlockBytes = 4 << 20;
constexpr int64_t kBlockRowsMax = 64 << 10;

int64_t BlockRows(const arrow::Schema& schema);

/// For batches that nobody sees: no more than BlockRows, and than about `bytes`.
int64_t RowsWithin(int64_t bytes, const arrow::Schema& schema);

}  // namespace millstream
