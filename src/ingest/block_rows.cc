#include "ingest/block_rows.h"

#include <algorithm>
#include <bit>

#include "format/batch_bytes.h"

namespace millstream {

int64_t BlockRows(const arrow::Schema& schema) {
  constexpr int64_t kBlockRowsMin = 1 << 10;
  const int64_t rows = std::clamp<int64_t>(kBlockBytes / RowBytesGuess(schema), kBlockRowsMin, kBlockRowsMax);
  return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(rows)));
}

int64_t RowsWithin(int64_t bytes, const arrow::Schema& schema) { return std::clamp<int64_t>(bytes / RowBytesGuess(schema), 1, BlockRows(schema)); }

}  // namespace millstream
