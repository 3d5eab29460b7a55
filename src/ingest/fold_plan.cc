#include "ingest/fold_plan.h"

#include <algorithm>

#include "ingest/scan_stream.h"
#include "ops/prune_tasks.h"
#include "plan/substitute.h"

namespace millstream {
namespace {

/// A source cut to its first rows.
class TruncatedSource : public ScanSource {
 public:
  TruncatedSource(std::shared_ptr<const ScanSource> source, int64_t rows) : source_(std::move(source)) {
    for (ScanTask task : source_->tasks()) {
      task.rows = std::min(task.rows, rows);
      if (task.rows <= 0) break;
      rows -= task.rows;
      tasks_.push_back(task);
    }
  }
  const std::shared_ptr<arrow::Schema>& schema() const override { return source_->schema(); }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override { return source_->Open(task, pool); }
  ScanSizes sizes() const override { return source_->sizes(); }
  bool MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const override { return source_->MayPass(task, filter); }

 private:
  std::shared_ptr<const ScanSource> source_;
  std::vector<ScanTask> tasks_;
};

class Folder {
 public:
  explicit Folder(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  Result<FoldedPlan> Fold(const PlanNode& plan) {
    std::vector<const PlanNode*> nodes;
    for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) nodes.push_back(node);
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) ARROW_RETURN_NOT_OK(Add(**node));
    return std::move(folded_);
  }

 private:
  Status Add(const PlanNode& node) {
    switch (node.kind) {
      case PlanNode::Kind::kSource:
        folded_.source = node.source;
        folded_.source_name = node.source_name;
        for (const auto& field : node.schema->fields()) folded_.columns.emplace_back(field->name(), ColumnExpression(field->name()));
        return Status::OK();
      case PlanNode::Kind::kFilter:
        return AddFilter(*node.filter);
      case PlanNode::Kind::kProject:
        return AddProject(node.columns);
      case PlanNode::Kind::kLimit:
        folded_.limit = folded_.limit < 0 ? node.limit : std::min(folded_.limit, node.limit);
        return Status::OK();
      case PlanNode::Kind::kShuffle:
        ARROW_RETURN_NOT_OK(SettleLimit("random_shuffle"));
        folded_.shuffle = &node;
        return Status::OK();
    }
    return Status::OK();
  }

  Status AddFilter(const Expression& filter) {
    ARROW_RETURN_NOT_OK(SettleLimit("filter"));
    ARROW_ASSIGN_OR_RAISE(auto substituted, Substitute(filter, folded_.columns));
    if (folded_.filter == nullptr) {
      folded_.filter = std::move(substituted);
    } else {
      folded_.filter = std::make_shared<Expression>(
          arrow::compute::call("and_kleene", {folded_.filter->tree(), substituted->tree()}));
    }
    return Status::OK();
  }

  Status AddProject(const NamedExpressions& columns) {
    NamedExpressions projected;
    for (const auto& [name, expression] : columns) {
      ARROW_ASSIGN_OR_RAISE(auto substituted, Substitute(*expression, folded_.columns));
      projected.emplace_back(name, std::move(substituted));
    }
    folded_.columns = std::move(projected);
    return Status::OK();
  }

  /// A limit below another stage becomes a shorter source. After a shuffle that is not possible.
  Status SettleLimit(const char* above) {
    if (folded_.limit < 0) return Status::OK();
    if (folded_.shuffle != nullptr) {
      return MakeError(ErrorKind::kInvalidArgument, std::string("limit between random_shuffle and ") + above +
                                                        " is not supported yet; put the limit last, or materialize() after it");
    }
    int64_t rows = folded_.limit;
    if (folded_.filter != nullptr) {
      ARROW_ASSIGN_OR_RAISE(rows, SourceRowsFor(folded_.limit));
    }
    folded_.source = std::make_shared<TruncatedSource>(folded_.source, rows);
    folded_.limit = -1;
    return Status::OK();
  }

  /// How many source rows hold the first `limit` rows that pass the filter: found by reading the filter's columns.
  Result<int64_t> SourceRowsFor(int64_t limit) {
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::Make(folded_.source->schema(), folded_.filter, {}));
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
};

}  // namespace

Result<FoldedPlan> FoldPlan(const std::shared_ptr<Engine>& engine, const PlanNode& plan) {
  ARROW_ASSIGN_OR_RAISE(auto folded, Folder(engine).Fold(plan));
  ARROW_ASSIGN_OR_RAISE(folded.program, RowProgram::Make(folded.source->schema(), folded.filter, folded.columns));
  folded.source = PruneTasks(std::move(folded.source), folded.filter.get());
  return folded;
}

}  // namespace millstream
