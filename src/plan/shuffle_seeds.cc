#include "plan/shuffle_seeds.h"

#include <algorithm>

#include "base/random.h"

namespace millstream {
namespace {

bool IsUnset(const PlanNode& node) { return node.kind == PlanNode::Kind::kShuffle && node.seed_kind == SeedKind::kUnset; }

/// What unset shuffles drew when they were made tells them apart.
void AddDrawn(const PlanNode& plan, std::vector<uint64_t>* seeds) {
  if (IsUnset(plan) && std::find(seeds->begin(), seeds->end(), plan.seed) == seeds->end()) seeds->push_back(plan.seed);
  for (const PlanPtr& input : InputsOf(plan)) AddDrawn(*input, seeds);
}

std::vector<uint64_t> DrawnSeeds(const PlanNode& plan) {
  std::vector<uint64_t> seeds;
  AddDrawn(plan, &seeds);
  return seeds;
}

uint64_t NumberOf(uint64_t seed, const std::vector<uint64_t>& seeds) {
  return static_cast<uint64_t>(std::find(seeds.begin(), seeds.end(), seed) - seeds.begin());
}

PlanPtr Settle(const PlanPtr& plan, const std::vector<uint64_t>& drawn, uint64_t seed) {
  auto node = std::make_shared<PlanNode>(*plan);
  if (node->input != nullptr) node->input = Settle(node->input, drawn, seed);
  for (PlanPtr& other : node->others) other = Settle(other, drawn, seed);
  if (IsUnset(*node)) {
    const uint64_t number = NumberOf(node->seed, drawn);
    node->seed = number == 0 ? seed : Mix64(Mix64(seed) ^ Mix64(number));
    node->seed_kind = SeedKind::kPerExecution;
  }
  return node;
}

}  // namespace

std::optional<RunSeed> RunSeedOf(const PlanNode& plan) {
  const auto drawn = DrawnSeeds(plan);
  if (!drawn.empty()) return RunSeed{drawn.front(), true};
  const PlanNode* shuffle = ShuffleOf(plan);
  return shuffle == nullptr ? std::nullopt : std::optional(RunSeed{shuffle->seed, false});
}

PlanPtr SettleSeeds(const PlanPtr& plan, uint64_t seed) {
  const auto drawn = DrawnSeeds(*plan);
  return drawn.empty() ? plan : Settle(plan, drawn, seed);
}

SeedNames::SeedNames(const PlanNode& plan) : drawn_(DrawnSeeds(plan)) {}

std::string SeedNames::Of(const PlanNode& shuffle) const {
  if (shuffle.seed_kind == SeedKind::kFixed) return "fixed " + std::to_string(shuffle.seed);
  if (shuffle.seed_kind == SeedKind::kPerExecution) return "each epoch " + std::to_string(shuffle.seed);
  const uint64_t number = NumberOf(shuffle.seed, drawn_);
  return number == 0 ? "drawn" : "drawn " + std::to_string(number);
}

}  // namespace millstream
