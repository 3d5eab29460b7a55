#include "ops/prune_tasks.h"

namespace millstream {
namespace {

class PrunedSource : public ScanSource {
 public:
  PrunedSource(std::shared_ptr<const ScanSource> source, std::vector<ScanTask> tasks) : source_(std::move(source)), tasks_(std::move(tasks)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return source_->schema(); }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override { return source_->Open(task, pool); }
  ScanSizes sizes() const override { return source_->sizes(); }
  bool MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const override { return source_->MayPass(task, filter); }

 private:
  std::shared_ptr<const ScanSource> source_;
  std::vector<ScanTask> tasks_;
};

}  // namespace

std::shared_ptr<const ScanSource> PruneTasks(std::shared_ptr<const ScanSource> source, const Expression* filter) {
  if (filter == nullptr) return source;
  std::vector<ScanTask> kept;
  for (const ScanTask& task : source->tasks()) {
    if (source->MayPass(task, filter->tree())) kept.push_back(task);
  }
  if (kept.size() == source->tasks().size()) return source;
  return std::make_shared<PrunedSource>(std::move(source), std::move(kept));
}

}  // namespace millstream
