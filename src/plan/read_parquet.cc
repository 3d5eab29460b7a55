#include "plan/read_parquet.h"

#include "format/limits.h"
#include "plan/near_names.h"

namespace millstream {

Result<PlanPtr> ReadParquetPlan(const std::shared_ptr<Env>& env, Scheduler* scheduler, const FilesToRead& files, const std::optional<std::vector<std::string>>& columns) {
  ARROW_RETURN_NOT_OK(CheckLimits(files.limits));
  ARROW_ASSIGN_OR_RAISE(auto listed, ListFiles(*env, files));
  BadFiles bad(files.bad_data);
  std::vector<BadPart> left_out;
  auto made = ParquetDataset::Make(env, listed, scheduler, &bad, {}, files.limits);
  while (!made.ok() && !bad.empty()) {
    ARROW_RETURN_NOT_OK(LeaveOut(&bad, files.bad_data, &listed, &left_out));
    made = ParquetDataset::Make(env, listed, scheduler, &bad, left_out, files.limits);
  }
  ARROW_ASSIGN_OR_RAISE(auto dataset, std::move(made));
  ARROW_ASSIGN_OR_RAISE(auto values, ValuesOfPaths(listed, files.path));
  ARROW_ASSIGN_OR_RAISE(PlanPtr plan, ParquetPlan(std::move(dataset), std::move(values), files.blocks));
  if (!columns.has_value()) return plan;
  NamedExpressions kept;
  for (const std::string& name : *columns) {
    if (plan->schema->GetFieldIndex(name) < 0) return UnknownColumn(name, *plan->schema);
    kept.emplace_back(name, ColumnExpression(name));
  }
  return ProjectPlan(std::move(plan), std::move(kept));
}

}  // namespace millstream
