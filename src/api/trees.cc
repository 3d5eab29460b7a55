#include "api/trees.h"

namespace millstream {

Result<NamedExpressions> TreesOf(const std::vector<std::pair<std::string, Expr>>& columns) {
  NamedExpressions trees;
  for (const auto& [name, value] : columns) {
    ARROW_RETURN_NOT_OK(WithContext(value.status(), "column '" + name + "'"));
    trees.emplace_back(name, value.tree());
  }
  return trees;
}

Result<std::vector<ColumnAggregate>> AggregatesOf(const std::vector<AggregateFn>& aggregates) {
  if (aggregates.empty()) return MakeError(ErrorKind::kInvalidArgument, "aggregate needs at least one aggregation, for instance Count()");
  std::vector<ColumnAggregate> wanted;
  for (const AggregateFn& aggregate : aggregates) wanted.push_back(aggregate.aggregate());
  return wanted;
}

}  // namespace millstream
