#include "ingest/shuffle_plan.h"

#include <algorithm>

#include "exchange/column_form.h"

namespace millstream {
namespace {

/// A partition of this many rows has each of its columns in the second-level cache while it is gathered.
constexpr int64_t kPartitionRowsInCache = 32 << 10;
constexpr int64_t kPieceRowsMax = 256 << 10;
constexpr int64_t kSlabBytesWanted = 16 << 20;
constexpr int64_t kVaryingWidthGuess = 32;
constexpr uint32_t kPartitionsMax = 4096;

int64_t RowBytesOf(const arrow::Schema& schema) {
  int64_t bytes = 0;
  for (int width : FlatWidths(schema)) bytes += width > 0 ? width : kVaryingWidthGuess;
  return std::max<int64_t>(bytes, 1);
}

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

Result<ShufflePlan> PlanShuffle(const Engine& engine, const ScanSource& source, const RowProgram& program, int64_t batch_rows, int prefetch_batches) {
  ShufflePlan plan;
  const int64_t limit = engine.options().memory_limit_bytes;
  const int lanes = engine.scheduler()->lanes();
  for (const ScanTask& task : source.tasks()) plan.rows += task.rows;
  plan.row_bytes = RowBytesOf(*program.output);
  const int64_t bytes = plan.rows * plan.row_bytes;

  plan.piece_rows = std::clamp<int64_t>(limit / (lanes * 64 * 8), 1 << 10, kPieceRowsMax);

  // A slab holds whole batches; small batches share one so that making them costs no allocation each.
  const int64_t slab_bytes_wanted = std::min(kSlabBytesWanted, limit / 32);
  const int64_t batches = std::clamp<int64_t>(slab_bytes_wanted / (batch_rows * plan.row_bytes), 1, std::max<int64_t>(1, (64 << 10) / batch_rows));
  plan.slab_rows = batch_rows * batches;
  plan.slabs_ahead = std::max<int64_t>(1, DivideUp(prefetch_batches, batches));

  const int64_t partition_bytes_max = std::max<int64_t>(limit / (16 * lanes), 64 << 10);
  const int64_t by_cache = DivideUp(plan.rows, kPartitionRowsInCache);
  const int64_t by_memory = DivideUp(bytes, partition_bytes_max);
  plan.partitions = static_cast<uint32_t>(std::clamp<int64_t>(std::max(by_cache, by_memory), 1, kPartitionsMax));
  return plan;
}

}  // namespace millstream
