#include "plan/narrow_files.h"

#include <set>

#include "ops/row_program.h"
#include "plan/row_changes.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

/// What a chain of row-wise nodes gives of a reader's columns, without what is dropped on the way.
struct Kept {
  ExpressionPtr filter;      // null: none
  NamedExpressions columns;  // none: only that there are rows
  std::set<int> inputs;      // of the reader
};

/// `nodes`: the lowest first; `aggregate` above them may be null.
Result<Kept> KeptOf(const arrow::Schema& schema, const std::vector<PlanPtr>& nodes, const PlanNode* aggregate) {
  RowChanges changes(schema);
  for (const PlanPtr& node : nodes) ARROW_RETURN_NOT_OK(changes.Add(*node));
  ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::Make(std::make_shared<arrow::Schema>(schema), changes.filter(), changes.columns()));
  Kept kept{changes.filter(), changes.columns(), {}};
  if (aggregate != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto columns, GroupColumnsOf(*aggregate, *program->output));
    program = RowProgram::Select(*program, columns.selected);
    kept.columns.clear();
    for (const int column : columns.selected) kept.columns.push_back(changes.columns()[static_cast<size_t>(column)]);
  }
  kept.inputs.insert(program->filter_inputs.begin(), program->filter_inputs.end());
  for (const OutputColumn& column : program->columns) kept.inputs.insert(column.inputs.begin(), column.inputs.end());
  return kept;
}

/// What reads files, with these columns alone; null where it gives no others.
Result<PlanPtr> Narrowed(const PlanNode& reader, const std::set<int>& columns) {
  if (static_cast<int>(columns.size()) == reader.schema->num_fields()) return nullptr;
  std::vector<std::string> names;
  for (const int column : columns) names.push_back(reader.schema->field(column)->name());
  if (names.empty() && reader.schema->num_fields() > 0) names.push_back(reader.schema->field(0)->name());  // that there are rows
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
  ARROW_ASSIGN_OR_RAISE(const auto kept, KeptOf(*below->schema, nodes, aggregates ? top.get() : nullptr));
  ARROW_ASSIGN_OR_RAISE(PlanPtr narrowed, Narrowed(*below, kept.inputs));
  if (narrowed == nullptr) return nullptr;
  // The nodes themselves may name columns that none above them needs.
  if (kept.filter != nullptr) ARROW_RETURN_NOT_OK(FilterPlan(std::move(narrowed), kept.filter).Value(&narrowed));
  if (!kept.columns.empty()) ARROW_RETURN_NOT_OK(ProjectPlan(std::move(narrowed), kept.columns).Value(&narrowed));
  if (!aggregates) return narrowed;
  auto copy = std::make_shared<PlanNode>(*top);
  copy->input = std::move(narrowed);
  return copy;
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
