#include "plan/read_parquet.h"

#include "plan/near_names.h"

namespace millstream {

Result<PlanPtr> ReadParquetPlan(const std::shared_ptr<Env>& env, Scheduler* scheduler, const std::vector<std::string>& paths,
                                const std::optional<std::vector<std::string>>& columns, int64_t blocks) {
  ARROW_ASSIGN_OR_RAISE(auto files, ListFiles(*env, paths, {".parquet"}));
  ARROW_ASSIGN_OR_RAISE(const auto dataset, ParquetDataset::Make(env, std::move(files), scheduler));
  PlanPtr plan = SourcePlan("ReadParquet", dataset, dataset, blocks);
  if (!columns.has_value()) return plan;
  NamedExpressions kept;
  for (const std::string& name : *columns) {
    if (plan->schema->GetFieldIndex(name) < 0) return UnknownColumn(name, *plan->schema);
    kept.emplace_back(name, ColumnExpression(name));
  }
  return ProjectPlan(std::move(plan), std::move(kept));
}

}  // namespace millstream
