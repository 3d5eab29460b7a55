#include "plan/column_change.h"

#include <algorithm>

#include "plan/near_names.h"

namespace millstream {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

Status CheckKnown(const std::vector<std::string>& names, const std::vector<std::string>& current) {
  for (const std::string& name : names) {
    if (Contains(current, name)) continue;
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (const std::string& column : current) fields.push_back(arrow::field(column, arrow::null()));
    return UnknownColumn(name, arrow::Schema(std::move(fields)));
  }
  return Status::OK();
}

Status CheckDistinct(const NamedExpressions& columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (columns[i].first == columns[j].first) return MakeError(ErrorKind::kInvalidArgument, "two columns would be named '" + columns[i].first + "'");
    }
  }
  return Status::OK();
}

NamedExpressions Renamed(const ColumnChange& change, const std::vector<std::string>& current) {
  NamedExpressions columns;
  for (size_t i = 0; i < current.size(); ++i) {
    std::string name = current[i];
    if (change.kind == ColumnChange::Kind::kRenameAll) name = change.new_names[i];
    const auto found = std::find(change.names.begin(), change.names.end(), current[i]);
    if (found != change.names.end()) name = change.new_names[found - change.names.begin()];
    columns.emplace_back(std::move(name), ColumnExpression(current[i]));
  }
  return columns;
}

NamedExpressions Set(const NamedExpressions& set, const std::vector<std::string>& current) {
  NamedExpressions columns;
  for (const std::string& name : current) columns.emplace_back(name, ColumnExpression(name));
  for (const auto& [name, expression] : set) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&, &wanted = name](const auto& column) { return column.first == wanted; });
    if (found != columns.end()) found->second = expression;
    else columns.emplace_back(name, expression);
  }
  return columns;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::string ColumnChange::Describe() const {
  switch (kind) {
    case Kind::kSelect:
      return "SelectColumns[" + Joined(names) + "]";
    case Kind::kDrop:
      return "DropColumns[" + Joined(names) + "]";
    case Kind::kRename:
    case Kind::kRenameAll:
      return "RenameColumns[" + (names.empty() ? "" : Joined(names) + " to ") + Joined(new_names) + "]";
    default:
      std::string text;
      for (const auto& [name, expression] : columns) text += (text.empty() ? "" : ", ") + expression->ToString() + " as " + name;
      return "WithColumns[" + text + "]";
  }
}

Result<NamedExpressions> ProjectionOf(const ColumnChange& change, const std::vector<std::string>& current) {
  ARROW_RETURN_NOT_OK(CheckKnown(change.names, current));
  NamedExpressions columns;
  switch (change.kind) {
    case ColumnChange::Kind::kSelect:
      for (const std::string& name : change.names) columns.emplace_back(name, ColumnExpression(name));
      break;
    case ColumnChange::Kind::kDrop:
      for (const std::string& name : current) {
        if (!Contains(change.names, name)) columns.emplace_back(name, ColumnExpression(name));
      }
      break;
    case ColumnChange::Kind::kRenameAll:
      if (change.new_names.size() != current.size()) {
        return MakeError(ErrorKind::kInvalidArgument, "rename_columns got " + std::to_string(change.new_names.size()) + " names for " +
                                                          std::to_string(current.size()) + " columns: " + Joined(current));
      }
      [[fallthrough]];
    case ColumnChange::Kind::kRename:
      columns = Renamed(change, current);
      break;
    case ColumnChange::Kind::kSet:
      columns = Set(change.columns, current);
      break;
  }
  ARROW_RETURN_NOT_OK(CheckDistinct(columns));
  return columns;
}

}  // namespace millstream
