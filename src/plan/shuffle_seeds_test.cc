#include "plan/shuffle_seeds.h"

#include <gtest/gtest.h>

#include <set>

#include "ops/table_source.h"
#include "plan/fingerprint.h"

namespace millstream {
namespace {

PlanPtr Rows() { return SourcePlan("Range", *MakeRangeSource(10)); }
PlanPtr Drawn(uint64_t seed) { return ShufflePlanNode(Rows(), SeedKind::kUnset, seed); }
PlanPtr Fixed(uint64_t seed) { return ShufflePlanNode(Rows(), SeedKind::kFixed, seed); }

TEST(ShuffleSeeds, ARunHasTheSeedOfTheFirstUnsetShuffleWhereverItStands) {
  EXPECT_FALSE(RunSeedOf(*Rows()).has_value());
  EXPECT_FALSE(RunSeedOf(**UnionPlan({Rows(), Fixed(4)})).has_value());
  EXPECT_EQ(RunSeedOf(*Fixed(4))->seed, 4u);
  EXPECT_FALSE(RunSeedOf(*Fixed(4))->drawn);
  for (const PlanPtr& plan : {Drawn(7), *UnionPlan({Rows(), Drawn(7)}), *SortPlan(*UnionPlan({Fixed(4), Drawn(7), Drawn(8)}), {{"id"}})}) {
    SCOPED_TRACE(DescribePlan(*plan));
    EXPECT_EQ(RunSeedOf(*plan)->seed, 7u);
    EXPECT_TRUE(RunSeedOf(*plan)->drawn);
  }
}

TEST(ShuffleSeeds, EachUnsetShuffleHasASeedOfTheRunsAndOneUsedTwiceHasOne) {
  const PlanPtr twice = Drawn(7);
  const PlanPtr plan = SettleSeeds(*UnionPlan({twice, Drawn(8), twice, Fixed(7), Drawn(9)}), 21);
  const auto inputs = InputsOf(*plan);
  EXPECT_EQ(inputs[0]->seed, 21u);
  EXPECT_EQ(inputs[2]->seed, 21u);
  EXPECT_EQ(std::set<uint64_t>({inputs[0]->seed, inputs[1]->seed, inputs[4]->seed}).size(), 3u);
  EXPECT_EQ(inputs[3]->seed, 7u);
  EXPECT_EQ(inputs[3]->seed_kind, SeedKind::kFixed);
  for (const int drawn : {0, 1, 2, 4}) EXPECT_EQ(inputs[drawn]->seed_kind, SeedKind::kPerExecution);
}

TEST(ShuffleSeeds, APlanMadeAnewIsSettledAsTheFirstOne) {
  const PlanPtr first = SettleSeeds(*UnionPlan({Drawn(7), Drawn(8)}), 21);
  const PlanPtr again = SettleSeeds(*UnionPlan({Drawn(100), Drawn(3)}), 21);
  EXPECT_EQ(InputsOf(*first)[1]->seed, InputsOf(*again)[1]->seed);
}

TEST(ShuffleSeeds, FrozenShufflesKeepToTheFirstEpoch) {
  const PlanPtr plan = *UnionPlan({Drawn(7), Drawn(8)});
  const PlanPtr settled = SettleSeeds(plan, 7), frozen = FreezeShuffles(plan);
  for (const int input : {0, 1}) {
    EXPECT_EQ(InputsOf(*frozen)[input]->seed, InputsOf(*settled)[input]->seed);
    EXPECT_EQ(InputsOf(*frozen)[input]->seed_kind, SeedKind::kFixed);
  }
}

TEST(ShuffleSeeds, FingerprintsTellSeedsThatAPlanFixesAndWhichShufflesAreOne) {
  const auto stages = [](std::vector<PlanPtr> inputs) { return FingerprintOf(**UnionPlan(std::move(inputs)))->stages; };
  const PlanPtr twice = Drawn(7);
  EXPECT_EQ(stages({Drawn(7), Drawn(8)}), stages({Drawn(9), Drawn(5)}));
  EXPECT_NE(stages({Drawn(7), Drawn(8)}), stages({twice, twice}));
  EXPECT_NE(stages({Fixed(7), Rows()}), stages({Fixed(8), Rows()}));
  EXPECT_NE(stages({Fixed(7), Rows()}), stages({Drawn(7), Rows()}));
}

}  // namespace
}  // namespace millstream
