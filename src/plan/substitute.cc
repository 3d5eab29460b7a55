#include "plan/substitute.h"

#include <algorithm>

#include "plan/functions.h"
#include "plan/near_names.h"

namespace millstream {
namespace {

using Tree = arrow::compute::Expression;

Status NoSuchColumn(const std::string& name, const NamedExpressions& columns) {
  arrow::FieldVector fields;
  for (const auto& column : columns) fields.push_back(arrow::field(column.first, arrow::null()));
  return UnknownColumn(name, arrow::Schema(std::move(fields)));
}

Result<Tree> SubstituteTree(const Tree& tree, const NamedExpressions& columns) {
  if (const auto* reference = tree.field_ref()) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.first == *reference->name(); });
    if (found == columns.end()) return NoSuchColumn(*reference->name(), columns);
    return found->second->tree();
  }
  const auto* call = tree.call();
  if (call == nullptr) return tree;
  std::vector<Tree> arguments;
  for (const Tree& argument : call->arguments) {
    ARROW_ASSIGN_OR_RAISE(auto substituted, SubstituteTree(argument, columns));
    arguments.push_back(std::move(substituted));
  }
  return arrow::compute::call(call->function_name, std::move(arguments), call->options);
}

}  // namespace

Result<ExpressionPtr> Substitute(const Expression& expression, const NamedExpressions& columns) {
  ARROW_ASSIGN_OR_RAISE(auto tree, SubstituteTree(expression.tree(), columns));
  ARROW_RETURN_NOT_OK(CheckSize(tree));
  return std::make_shared<Expression>(std::move(tree));
}

}  // namespace millstream
