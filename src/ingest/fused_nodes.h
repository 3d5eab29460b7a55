#pragma once
/// Which functions and row-wise nodes of a plan run as one stage.

#include <string>
#include <vector>

#include "plan/logical_plan.h"

namespace millstream {

/// Nodes that one stage calls one after the other with each batch.
struct FusedNodes {
  /// A function each, from the lowest up: a node of its own, or row-wise nodes that make one program, from the lowest up too.
  std::vector<std::vector<PlanPtr>> functions;
  PlanPtr input;  // what is below them all
};

/// Whether a stage of functions runs the node, where it is not foldable.
bool IsFunctionNode(const PlanNode& node);

/// The node, which is such, with those below it that give it the batches that it is called with: those of a `batch_size` of its own are cut anew, and so are
/// groups. Functions that must be stages of their own (BatchFunction::fuses) are.
FusedNodes FuseNodes(const PlanPtr& top);

/// As the stage is called: the names of its functions with "->" in between.
std::string NameOf(const FusedNodes& fused);
/// As one of its functions is called.
std::string NameOfFunction(const std::vector<PlanPtr>& nodes);

}  // namespace millstream
