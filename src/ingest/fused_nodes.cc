#include "ingest/fused_nodes.h"

#include "ingest/fold_plan.h"
#include "plan/row_changes.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

bool Fuses(const PlanNode& node) { return node.kind != Kind::kReadFiles && (node.kind != Kind::kMap || node.function->fuses()); }

/// Whether the function is called with what the node below gives, as it comes.
bool TakesBatchesOf(const PlanNode& upper, const PlanNode& lower) {
  if (IsFoldable(lower) || !IsFunctionNode(lower)) return false;
  const bool as_they_come = upper.kind != Kind::kMap || upper.batch_rows == 0;
  return as_they_come && Fuses(upper) && Fuses(lower);
}

/// The nodes from `top` down that are one function, from the lowest up.
std::vector<PlanPtr> NodesOfFunction(const PlanPtr& top) {
  std::vector<PlanPtr> nodes{top};
  if (!RowChanges::Takes(*top)) return nodes;
  for (PlanPtr below = top->input; RowChanges::Takes(*below); below = below->input) nodes.insert(nodes.begin(), below);
  return nodes;
}

}  // namespace

bool IsFunctionNode(const PlanNode& node) {
  return node.kind == Kind::kMap || node.kind == Kind::kReadFiles || node.kind == Kind::kSample || node.kind == Kind::kRowValues || RowChanges::Takes(node);
}

FusedNodes FuseNodes(const PlanPtr& top) {
  FusedNodes fused;
  PlanPtr next = top;
  bool goes_on = true;
  while (goes_on) {
    fused.functions.insert(fused.functions.begin(), NodesOfFunction(next));
    const PlanNode& lowest = *fused.functions.front().front();
    next = lowest.input;
    goes_on = TakesBatchesOf(lowest, *next);
  }
  fused.input = next;
  return fused;
}

std::string NameOfFunction(const std::vector<PlanPtr>& nodes) {
  std::string name;
  for (const PlanPtr& node : nodes) {
    const std::string text = node->kind == Kind::kMap ? node->function->name() : node->Describe();
    name += (name.empty() ? "" : "->") + (node->kind == Kind::kMap ? text : text.substr(0, text.find('[')));
  }
  return name;
}

std::string NameOf(const FusedNodes& fused) {
  std::string name;
  for (const auto& nodes : fused.functions) name += (name.empty() ? "" : "->") + NameOfFunction(nodes);
  return name;
}

}  // namespace millstream
