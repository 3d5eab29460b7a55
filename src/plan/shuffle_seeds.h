#pragma once
/// The seeds of the shuffles that were given none.
///
/// An execution has one drawn seed, the one that states of iterators keep. Every unset shuffle of the plan, wherever it stands, has a seed of it: the first one
/// met from the top, left to right, takes it as it is, the others mix their number into it, so that no two of them have the same order. A shuffle that the
/// plan has in several places (a data set used twice) is one shuffle, and has one order in all of them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/logical_plan.h"

namespace millstream {

/// What an execution that goes on from no state takes as its seed.
struct RunSeed {
  uint64_t seed = 0;
  bool drawn = false;  // belongs to the state: the plan made anew would have another
};

/// Drawn where any shuffle is unset; else that of the shuffle which orders the plan's rows; none without both.
std::optional<RunSeed> RunSeedOf(const PlanNode& plan);

/// The same plan with a seed of `seed` in each unset shuffle, and a new order each epoch.
PlanPtr SettleSeeds(const PlanPtr& plan, uint64_t seed);

/// What the plan says of the seed of one of its shuffles: text that is the same where the plan is made anew.
class SeedNames {
 public:
  explicit SeedNames(const PlanNode& plan);
  std::string Of(const PlanNode& shuffle) const;

 private:
  std::vector<uint64_t> drawn_;
};

}  // namespace millstream
