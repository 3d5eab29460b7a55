#include "plan/row_changes.h"

#include "plan/substitute.h"

namespace millstream {

RowChanges::RowChanges(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) columns_.emplace_back(field->name(), ColumnExpression(field->name()));
}

bool RowChanges::Takes(const PlanNode& node) {
  return node.kind == PlanNode::Kind::kFilter || node.kind == PlanNode::Kind::kProject || node.kind == PlanNode::Kind::kColumns;
}

Status RowChanges::Add(const PlanNode& node) {
  if (node.kind == PlanNode::Kind::kFilter) return AddFilter(*node.filter);
  if (node.kind == PlanNode::Kind::kProject) return AddProject(node.columns);
  std::vector<std::string> names;
  for (const auto& column : columns_) names.push_back(column.first);
  ARROW_ASSIGN_OR_RAISE(const auto columns, ProjectionOf(*node.change, names));
  return AddProject(columns);
}

Status RowChanges::AddFilter(const Expression& filter) {
  ARROW_ASSIGN_OR_RAISE(auto substituted, Substitute(filter, columns_));
  if (filter_ == nullptr) filter_ = std::move(substituted);
  else filter_ = std::make_shared<Expression>(arrow::compute::call("and_kleene", {filter_->tree(), substituted->tree()}));
  return Status::OK();
}

Status RowChanges::AddProject(const NamedExpressions& columns) {
  NamedExpressions projected;
  for (const auto& [name, expression] : columns) {
    ARROW_ASSIGN_OR_RAISE(auto substituted, Substitute(*expression, columns_));
    projected.emplace_back(name, std::move(substituted));
  }
  columns_ = std::move(projected);
  return Status::OK();
}

}  // namespace millstream
