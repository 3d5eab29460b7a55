#include "plan/blocks.h"

#include <algorithm>

namespace millstream {
namespace {

std::vector<int64_t> EvenStarts(int64_t rows, int64_t blocks) {
  std::vector<int64_t> starts;
  for (int64_t block = 0; block <= blocks; ++block) starts.push_back(static_cast<int64_t>(static_cast<__int128>(rows) * block / blocks));
  return starts;
}

/// Rows of what the source is stored as, in order.
std::vector<int64_t> NaturalRows(const ScanSource& source) {
  std::vector<int64_t> rows;
  if (source.batches() != nullptr) {
    for (const auto& batch : *source.batches()) rows.push_back(batch->num_rows());
  } else {
    for (const ScanTask& task : source.tasks()) rows.push_back(task.rows);
  }
  return rows;
}

}  // namespace

std::vector<int64_t> BlockStarts(const PlanNode& source) {
  const int64_t rows = KnownRowCount(source).value_or(0);
  if (rows == 0) return {0};
  if (source.blocks > 0) return EvenStarts(rows, std::min(source.blocks, rows));
  std::vector<int64_t> starts = {0};
  for (const int64_t block_rows : NaturalRows(*source.source)) {
    if (block_rows > 0) starts.push_back(starts.back() + block_rows);
  }
  return starts;
}

}  // namespace millstream
