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

/// A source whose tasks end where blocks do.
class BlockSource : public ScanSource {
 public:
  BlockSource(std::shared_ptr<const ScanSource> source, const std::vector<int64_t>& starts) : source_(std::move(source)) {
    int64_t row = 0;  // over all tasks
    size_t block = 1;
    for (ScanTask task : source_->tasks()) {
      while (task.rows > 0) {
        while (block < starts.size() && starts[block] <= row) ++block;
        const int64_t rows = block < starts.size() ? std::min(task.rows, starts[block] - row) : task.rows;
        tasks_.push_back({task.source, task.unit, task.first_row, rows});
        task.first_row += rows;
        task.rows -= rows;
        row += rows;
      }
    }
  }
  const std::shared_ptr<arrow::Schema>& schema() const override { return source_->schema(); }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override { return source_->Open(task, pool); }
  ScanSizes sizes() const override { return source_->sizes(); }

 private:
  std::shared_ptr<const ScanSource> source_;
  std::vector<ScanTask> tasks_;
};

}  // namespace

std::shared_ptr<const ScanSource> CutIntoBlocks(const PlanNode& source) {
  if (!source.source->cuttable()) return source.source;
  return std::make_shared<BlockSource>(source.source, BlockStarts(source));
}

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

int64_t NumBlocks(const PlanNode& plan) {
  if (plan.kind == PlanNode::Kind::kSource) return static_cast<int64_t>(BlockStarts(plan).size()) - 1;
  if (plan.kind == PlanNode::Kind::kRepartition) {
    const RepartitionSpec& spec = *plan.repartition;
    if (spec.blocks > 0) return spec.blocks;
    const auto rows = KnownRowCount(*plan.input);
    if (rows.has_value()) return std::max<int64_t>((*rows + spec.block_rows - 1) / spec.block_rows, 1);
  }
  int64_t blocks = 0;
  for (const PlanPtr& input : InputsOf(plan)) blocks += NumBlocks(*input);
  return blocks;
}

}  // namespace millstream
