#include "plan/narrow_files.h"

#include <set>

#include "ops/row_program.h"
#include "plan/row_changes.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

/// The columns of `schema` that the nodes look at, the lowest first; `aggregate` above them may be null.
Result<std::set<int>> ColumnsLookedAt(const arrow::Schema& schema, const std::vector<PlanPtr>& nodes, const PlanNode* aggregate) {
  RowChanges changes(schema);
  for (const PlanPtr& node : nodes) ARROW_RETURN_NOT_OK(changes.Add(*node));
  ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::Make(std::make_shared<arrow::Schema>(schema), changes.filter(), changes.columns()));
  if (aggregate != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto columns, GroupColumnsOf(*aggregate, *program->output));
    program = RowProgram::Select(*program, columns.selected);
  }
  std::set<int> inputs(program->filter_inputs.begin(), program->filter_inputs.end());
  for (const OutputColumn& column : program->columns) inputs.insert(column.inputs.begin(), column.inputs.end());
  return inputs;
}

PlanPtr WithInput(const PlanNode& node, PlanPtr input) {
  auto copy = std::make_shared<PlanNode>(node);
  if (copy->kind == Kind::kFilter) copy->schema = input->schema;
  copy->input = std::move(input);
  return copy;
}

/// What reads files, with these columns alone; null where it gives no others.
Result<PlanPtr> Narrowed(const PlanNode& reader, const std::set<int>& columns) {
  if (static_cast<int>(columns.size()) == reader.schema->num_fields()) return nullptr;
  std::vector<std::string> names;
  for (const int column : columns) names.push_back(reader.schema->field(column)->name());
  if (names.empty()) names.push_back(reader.schema->field(0)->name());  // that there are rows
  ARROW_ASSIGN_OR_RAISE(auto format, reader.format->Select(names));
  return format == nullptr ? nullptr : ReadRangesPlan(reader.input, std::move(format));
}

/// `top` and what is below it, narrowed; null where nothing changes.
Result<PlanPtr> NarrowBelow(const PlanPtr& top) {
  const bool aggregates = top->kind == Kind::kAggregate;
  std::vector<PlanPtr> nodes;  // the lowest first
  PlanPtr below = aggregates ? top->input : top;
  for (; RowChanges::Takes(*below); below = below->input) nodes.insert(nodes.begin(), below);
  if (below->kind != Kind::kReadFiles || (nodes.empty() && !aggregates)) return nullptr;
  ARROW_ASSIGN_OR_RAISE(const auto columns, ColumnsLookedAt(*below->schema, nodes, aggregates ? top.get() : nullptr));
  ARROW_ASSIGN_OR_RAISE(PlanPtr narrowed, Narrowed(*below, columns));
  if (narrowed == nullptr) return nullptr;
  for (const PlanPtr& node : nodes) narrowed = WithInput(*node, std::move(narrowed));
  return aggregates ? WithInput(*top, std::move(narrowed)) : narrowed;
}

}  // namespace

PlanPtr NarrowFiles(const PlanPtr& plan) {
  const auto narrowed = NarrowBelow(plan);
  if (narrowed.ok() && *narrowed != nullptr) return *narrowed;
  if (plan->input == nullptr) return plan;
  auto copy = std::make_shared<PlanNode>(*plan);
  copy->input = NarrowFiles(plan->input);
  bool changed = copy->input != plan->input;
  for (auto& other : copy->others) {
    auto below = NarrowFiles(other);
    changed |= below != other;
    other = std::move(below);
  }
  return changed ? copy : plan;
}

}  // namespace millstream
