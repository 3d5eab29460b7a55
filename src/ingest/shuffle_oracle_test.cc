/// The keyed shuffle against the plain one, on generated tables of every type: in memory, always spilled, and with a budget in between.

#include <gtest/gtest.h>

#include <random>

#include "testing/batch_generator.h"
#include "testing/oracle_tables.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

void ExpectShuffledLikeTheOracle(const std::shared_ptr<arrow::Schema>& schema, const Batches& batches, const Setting& setting, uint64_t seed,
                                 int64_t batch_rows) {
  SCOPED_TRACE(setting.ToString() + ", batches of " + std::to_string(batch_rows));
  const auto expected = PlainShuffle(Identify(batches), seed, 3);
  TestEngine host(setting.EngineOptions(seed));
  {
    const auto plan = ShufflePlanNode(TablePlan(schema, batches), SeedKind::kUnset, 0);
    ExecuteOptions options;
    options.seed = seed;
    options.epoch = 3;
    options.batch_rows = batch_rows;
    auto run = RunPlan(host.engine(), plan, options);
    ASSERT_TRUE(run.ok()) << run.status();
    ExpectSameRows(run->rows, expected);
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(ShuffleOracle, EveryTypeAloneIsShuffledLikeTheOracle) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    const auto schema = arrow::schema({arrow::field("value", type)});
    const auto batches = RandomBatches(schema, &random, 200);
    const auto settings = Settings();
    ExpectShuffledLikeTheOracle(schema, batches, settings[random() % settings.size()], random(), 1 + static_cast<int64_t>(random() % 300));
  }
}

TEST(ShuffleOracle, AllTypesTogetherAreShuffledLikeTheOracleUnderEverySetting) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto schema = EverySchema();
  const auto batches = RandomBatches(schema, &random, 150);
  for (const Setting& setting : Settings()) {
    ExpectShuffledLikeTheOracle(schema, batches, setting, random(), 1 + static_cast<int64_t>(random() % 200));
  }
}

TEST(ShuffleOracle, RowsWithoutColumnsAreCounted) {
  const auto schema = arrow::schema({});
  const Batches batches = {RandomBatch(schema, {.rows = 77}), RandomBatch(schema, {.rows = 0}), RandomBatch(schema, {.rows = 1001})};
  for (const Setting& setting : Settings()) ExpectShuffledLikeTheOracle(schema, batches, setting, 9, 100);
}

TEST(ShuffleOracle, TablesWithoutRowsGiveNoBatch) {
  const auto schema = EverySchema();
  for (const Setting& setting : Settings()) {
    ExpectShuffledLikeTheOracle(schema, {}, setting, 9, 100);
    ExpectShuffledLikeTheOracle(schema, {RandomBatch(schema, {.rows = 0})}, setting, 9, 100);
  }
}

/// Columns of several widths and layouts, wide enough that a small budget holds only a part of them.
std::shared_ptr<arrow::Schema> WideSchema() {
  arrow::FieldVector fields;
  const std::vector<std::shared_ptr<arrow::DataType>> types = {arrow::int64(), arrow::float64(), arrow::utf8(), arrow::int32(),
                                                               arrow::list(arrow::int32()), arrow::dictionary(arrow::int16(), arrow::utf8()),
                                                               arrow::fixed_size_binary(40)};
  for (const auto& type : types) fields.push_back(arrow::field("c" + std::to_string(fields.size()), type));
  return arrow::schema(fields);
}

TEST(ShuffleOracle, ABudgetInBetweenSpillsAPartAndChangesNothing) {
  SCOPED_TRACE(ReplayNote());
  const auto schema = WideSchema();
  Batches batches;
  for (uint64_t batch = 0; batch < 15; ++batch) batches.push_back(RandomBatch(schema, {.rows = 4000, .null_share = 0.1, .seed = TestSeed() + batch}));
  const auto expected = PlainShuffle(Identify(batches), 11, 0);
  int64_t most_spilled = 0, least_spilled = INT64_MAX;
  for (const int64_t limit : {8 << 20, 10 << 20, 14 << 20, 512 << 20}) {
    for (const int lanes : {1, 2}) {
      SCOPED_TRACE("limit " + std::to_string(limit) + ", lanes " + std::to_string(lanes));
      TestEngine host({.lanes = lanes, .memory_limit_bytes = limit});
      {
        ExecuteOptions options;
        options.batch_rows = 1000;
        auto run = RunPlan(host.engine(), ShufflePlanNode(TablePlan(schema, batches), SeedKind::kFixed, 11), options);
        ASSERT_TRUE(run.ok()) << run.status();
        ExpectSameRows(run->rows, expected);
        const int64_t spilled = limit < (512 << 20) ? (*host.engine()->spill())->bytes_written() : 0;
        most_spilled = std::max(most_spilled, spilled);
        least_spilled = std::min(least_spilled, spilled);
      }
      EXPECT_EQ(host.Leftovers(), "");
    }
  }
  EXPECT_GT(most_spilled, 0);
  EXPECT_EQ(least_spilled, 0);
}

TEST(ShuffleOracle, FiltersAndProjectionsKeepTheOrderOfTheSourceRows) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto schema = arrow::schema({arrow::field("a", arrow::int32()), arrow::field("s", arrow::utf8()), arrow::field("b", arrow::float64())});
  const auto batches = RandomBatches(schema, &random, 400);
  std::vector<IdentifiedRow> kept;
  int64_t number = 0;
  for (const auto& batch : batches) {
    const auto projected = *batch->SelectColumns({1, 0});
    const auto texts = RenderBatch(*projected);
    const auto& a = static_cast<const arrow::Int32Array&>(*batch->column(0));
    for (int64_t row = 0; row < batch->num_rows(); ++row, ++number) {
      if (a.IsValid(row) && a.Value(row) > 1000) kept.push_back({0, number, texts[row]});
    }
  }
  const auto greater = std::make_shared<Expression>(arrow::compute::call("greater", {arrow::compute::field_ref("a"), arrow::compute::literal(1000)}));
  auto plan = *FilterPlan(TablePlan(schema, batches), greater);
  plan = *ProjectPlan(plan, {{"s", ColumnExpression("s")}, {"a", ColumnExpression("a")}});
  plan = ShufflePlanNode(plan, SeedKind::kFixed, 4);
  for (const Setting& setting : Settings()) {
    TestEngine host(setting.EngineOptions(TestSeed()));
    ExecuteOptions options;
    options.batch_rows = 50;
    auto run = RunPlan(host.engine(), plan, options);
    ASSERT_TRUE(run.ok()) << run.status();
    ExpectSameRows(run->rows, PlainShuffle(kept, 4, 0));
  }
}

TEST(ShuffleOracle, AResumeAtAnyBatchGivesTheRest) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto schema = arrow::schema({arrow::field("a", arrow::int64()), arrow::field("s", arrow::utf8()), arrow::field("l", arrow::list(arrow::int8()))});
  const auto batches = RandomBatches(schema, &random, 300);
  const auto plan = ShufflePlanNode(TablePlan(schema, batches), SeedKind::kFixed, 21);
  ExecuteOptions options;
  options.batch_rows = 1 + static_cast<int64_t>(random() % 40);
  TestEngine host;
  const auto whole = *RunPlan(host.engine(), plan, options);
  size_t consumed = 0;
  for (size_t step = 0; step < whole.batch_rows.size(); ++step) {
    SCOPED_TRACE("after batch " + std::to_string(step));
    consumed += static_cast<size_t>(whole.batch_rows[step]);
    const Setting setting = Settings()[random() % Settings().size()];
    TestEngine other(setting.EngineOptions(TestSeed()));
    ExecuteOptions rest = options;
    rest.batch_rows = 1 + static_cast<int64_t>(random() % 60);
    rest.has_resume = true;
    rest.resume = whole.positions[step];
    auto run = RunPlan(other.engine(), plan, rest);
    ASSERT_TRUE(run.ok()) << run.status();
    ExpectSameRows(run->rows, {whole.rows.begin() + static_cast<std::ptrdiff_t>(consumed), whole.rows.end()});
  }
}

}  // namespace
}  // namespace millstream
