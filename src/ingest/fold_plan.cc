#include "ingest/fold_plan.h"

#include <algorithm>
#include <optional>

#include "base/random.h"
#include "ingest/scan_stream.h"
#include "ops/prune_tasks.h"
#include "plan/blocks.h"
#include "plan/row_changes.h"

namespace millstream {
namespace {

/// A source with other tasks: some of its own, cut, or in another order.
class RetaskedSource : public ScanSource {
 public:
  RetaskedSource(std::shared_ptr<const ScanSource> source, std::vector<ScanTask> tasks) : source_(std::move(source)), tasks_(std::move(tasks)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return source_->schema(); }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override { return source_->Open(task, pool); }
  ScanSizes sizes() const override { return source_->sizes(); }
  bool MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const override { return source_->MayPass(task, filter); }

 private:
  std::shared_ptr<const ScanSource> source_;
  std::vector<ScanTask> tasks_;
};

std::vector<ScanTask> FirstRows(const std::vector<ScanTask>& tasks, int64_t rows) {
  std::vector<ScanTask> first;
  for (ScanTask task : tasks) {
    task.rows = std::min(task.rows, rows);
    if (task.rows <= 0) break;
    rows -= task.rows;
    first.push_back(task);
  }
  return first;
}

std::vector<ScanTask> InRandomOrder(const std::vector<ScanTask>& tasks, uint64_t seed) {
  const SourceKey key = MakeSourceKey(MakeEpochKey(seed, 0), 0);
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t task = 0; task < tasks.size(); ++task) order.emplace_back(key.KeyOfRow(task), task);
  std::sort(order.begin(), order.end());
  std::vector<ScanTask> reordered;
  for (const auto& place : order) reordered.push_back(tasks[place.second]);
  return reordered;
}

class Folder {
 public:
  explicit Folder(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  Result<FoldedPlan> Fold(const PlanNode& plan, bool settle_limit) {
    std::vector<const PlanNode*> nodes;
    for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) nodes.push_back(node);
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) ARROW_RETURN_NOT_OK(Add(**node));
    if (settle_limit) ARROW_RETURN_NOT_OK(SettleLimit());
    folded_.filter = changes_->filter();
    folded_.columns = changes_->columns();
    return std::move(folded_);
  }

 private:
  Status Add(const PlanNode& node) {
    switch (node.kind) {
      case PlanNode::Kind::kSource:
        folded_.source = node.source;
        folded_.source_name = node.source_name;
        changes_.emplace(*node.schema);
        return Status::OK();
      case PlanNode::Kind::kFilter:
        ARROW_RETURN_NOT_OK(SettleLimit());
        return changes_->Add(node);
      case PlanNode::Kind::kProject:
      case PlanNode::Kind::kColumns:
        return changes_->Add(node);
      case PlanNode::Kind::kLimit:
        folded_.limit = folded_.limit < 0 ? node.limit : std::min(folded_.limit, node.limit);
        return Status::OK();
      case PlanNode::Kind::kBlockOrder:
        folded_.source = CutIntoBlocks(SourceOf(node));
        folded_.source = std::make_shared<RetaskedSource>(folded_.source, InRandomOrder(folded_.source->tasks(), node.seed));
        return Status::OK();
      case PlanNode::Kind::kShuffle:
        ARROW_RETURN_NOT_OK(SettleLimit());
        folded_.shuffle = &node;
        return Status::OK();
      default:
        return Status::Invalid("a plan that is not foldable was folded");
    }
  }

  /// A limit below another stage becomes a shorter source.
  Status SettleLimit() {
    if (folded_.limit < 0) return Status::OK();
    int64_t rows = folded_.limit;
    if (changes_->filter() != nullptr) {
      ARROW_ASSIGN_OR_RAISE(rows, SourceRowsFor(folded_.limit));
    }
    folded_.source = std::make_shared<RetaskedSource>(folded_.source, FirstRows(folded_.source->tasks(), rows));
    folded_.limit = -1;
    return Status::OK();
  }

  /// How many source rows hold the first `limit` rows that pass the filter: found by reading the filter's columns.
  Result<int64_t> SourceRowsFor(int64_t limit) {
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::Make(folded_.source->schema(), changes_->filter(), {}));
    ScanStreamOptions options;
    options.row_limit = limit;
    options.batch_rows = std::max<int64_t>(limit, 1);
    ARROW_ASSIGN_OR_RAISE(auto stream, OpenScanStream(engine_, folded_.source, std::move(program), options));
    StreamPosition last;
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(auto batch, stream->Next(nullptr));
      if (batch.data == nullptr) break;
      last = batch.position;
    }
    int64_t rows = 0;
    for (const ScanTask& task : folded_.source->tasks()) {
      if (task.source < last.key) rows += task.rows;
      else if (task.source == last.key) rows += std::clamp<int64_t>(last.ties - task.first_row, 0, task.rows);
    }
    return rows;
  }

  std::shared_ptr<Engine> engine_;
  FoldedPlan folded_;
  std::optional<RowChanges> changes_;
};

}  // namespace

bool IsFoldable(const PlanNode& plan) {
  bool stage_above = false;
  bool limit_below_stage = false;
  for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) {
    switch (node->kind) {
      case PlanNode::Kind::kSource:
        return true;
      case PlanNode::Kind::kLimit:
        if (node->offset > 0) return false;
        limit_below_stage |= stage_above;
        break;
      case PlanNode::Kind::kBlockOrder:
        return true;
      case PlanNode::Kind::kFilter:
        stage_above = true;
        break;
      case PlanNode::Kind::kShuffle:
        if (limit_below_stage) return false;
        stage_above = true;
        break;
      case PlanNode::Kind::kProject:
      case PlanNode::Kind::kColumns:
        break;
      default:
        return false;
    }
  }
  return false;
}

std::shared_ptr<const ScanSource> SkipTasks(std::shared_ptr<const ScanSource> source, int64_t* rows) {
  const auto& tasks = source->tasks();
  auto first = tasks.begin();
  for (; first != tasks.end() && first->rows <= *rows; ++first) *rows -= first->rows;
  return std::make_shared<RetaskedSource>(std::move(source), std::vector<ScanTask>(first, tasks.end()));
}

bool HasPositions(const PlanNode& plan) {
  if (!IsFoldable(plan)) return false;
  if (ShuffleOf(plan) != nullptr) return true;
  for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) {
    if (node->kind == PlanNode::Kind::kBlockOrder) return false;
  }
  return true;
}

Result<FoldedPlan> FoldPlan(const std::shared_ptr<Engine>& engine, const PlanNode& plan, bool settle_limit) {
  ARROW_ASSIGN_OR_RAISE(auto folded, Folder(engine).Fold(plan, settle_limit));
  ARROW_ASSIGN_OR_RAISE(folded.program, RowProgram::Make(folded.source->schema(), folded.filter, folded.columns));
  folded.source = PruneTasks(std::move(folded.source), folded.filter.get());
  return folded;
}

}  // namespace millstream
