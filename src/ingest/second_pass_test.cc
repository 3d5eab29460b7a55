/// The shuffle in two passes: what comes out is what one pass gives, also where the second spills once more.

#include <gtest/gtest.h>

#include "testing/batch_generator.h"
#include "testing/oracle_tables.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

struct Wide {
  std::shared_ptr<arrow::Schema> schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::float64()), arrow::field("w", arrow::fixed_size_binary(200))});
  Batches batches;
  PlanPtr plan;
  explicit Wide(uint64_t count) {
    for (uint64_t batch = 0; batch < count; ++batch) batches.push_back(RandomBatch(schema, {.rows = 3000, .seed = TestSeed() + batch}));
    plan = ShufflePlanNode(TablePlan(schema, batches), SeedKind::kFixed, 3);
  }
};

struct Spilled {
  int64_t first = 0;
  int64_t second = -1;  // negative: there was one pass
  int64_t second_read_back = 0;
};

Spilled ExpectShuffled(const Wide& data, TestEngineOptions options, int64_t batch_rows) {
  Spilled spilled;
  TestEngine host(options);
  {
    ExecuteOptions execute;
    execute.batch_rows = batch_rows;
    auto stream = Execute(host.engine(), data.plan, execute);
    EXPECT_TRUE(stream.ok()) << stream.status();
    if (!stream.ok()) return spilled;
    auto run = DrainStream(**stream);
    EXPECT_TRUE(run.ok()) << run.status();
    if (run.ok()) ExpectSameRows(run->rows, PlainShuffle(Identify(data.batches), 3, 0));
    for (const StageStatistics* stage : (*stream)->stages()) {
      if (stage->name == "RandomShuffle") spilled.first = stage->spilled_bytes;
      if (stage->name != "RandomShuffle, second pass") continue;
      spilled.second = stage->spilled_bytes;
      spilled.second_read_back = stage->read_back_bytes;
    }
  }
  EXPECT_EQ(host.Leftovers(), "");
  return spilled;
}

TEST(SecondPass, ATinyBudgetForcesTwoPassesWithTheSameOrder) {
  SCOPED_TRACE(ReplayNote());
  const auto hostile = HostileSwitches::FromEnvironment();
  if (hostile.always_spill || hostile.always_two_passes || hostile.always_keep_on_disk || hostile.minimum_budget) GTEST_SKIP() << "of what is spilled without hostile switches";
  const Wide data(40);  // 26 MB
  for (const int lanes : {1, 2}) {
    SCOPED_TRACE("lanes " + std::to_string(lanes));
    const Spilled spilled = ExpectShuffled(data, {.lanes = lanes, .memory_limit_bytes = 5 << 20}, 100);
    EXPECT_GT(spilled.first, 20 << 20);
    EXPECT_EQ(spilled.second, 0) << "each coarse partition fits into memory";
    const Spilled roomy = ExpectShuffled(data, {.lanes = lanes, .memory_limit_bytes = 512 << 20}, 100);
    EXPECT_EQ(roomy.first, 0);
  }
}

TEST(SecondPass, WhatDoesNotFitTheSecondTimeIsSpilledTwice) {
  SCOPED_TRACE(ReplayNote());
  const Wide data(10);
  for (const bool random_block : {false, true}) {
    const Spilled spilled = ExpectShuffled(
        data, {.lanes = 2, .memory_limit_bytes = 64 << 20, .always_spill = true, .always_two_passes = true, .random_block = random_block, .seed = TestSeed()}, 64);
    EXPECT_GT(spilled.first, 6 << 20);
    EXPECT_GT(spilled.second, 6 << 20);
    EXPECT_EQ(spilled.second_read_back, spilled.second);
  }
}

TEST(SecondPass, AFilterThatKeepsNothingAndTablesWithoutRowsEndAtOnce) {
  const Wide data(2);
  const auto never = std::make_shared<Expression>(arrow::compute::call("is_null", {arrow::compute::field_ref("b")}));
  const auto source = TablePlan(data.schema, {RandomBatch(data.schema, {.rows = 500, .null_share = 0})});
  const auto plan = ShufflePlanNode(*FilterPlan(source, never), SeedKind::kFixed, 3);
  TestEngine host({.lanes = 2, .always_two_passes = true});
  auto run = RunPlan(host.engine(), plan, {});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->rows.size(), 0u);
}

}  // namespace
}  // namespace millstream
