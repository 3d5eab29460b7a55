/// Scans against the rows themselves, on generated tables of every type and on Parquet files of every type that they can hold.

#include <gtest/gtest.h>

#include "testing/batch_generator.h"
#include "testing/oracle_tables.h"
#include "testing/parquet_files.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

void ExpectScanned(const PlanPtr& plan, const std::vector<std::string>& expected, const Setting& setting, int64_t batch_rows) {
  SCOPED_TRACE(setting.ToString() + ", batches of " + std::to_string(batch_rows));
  TestEngine host(setting.EngineOptions(TestSeed()));
  {
    ExecuteOptions options;
    options.batch_rows = batch_rows;
    auto run = RunPlan(host.engine(), plan, options);
    ASSERT_TRUE(run.ok()) << run.status();
    ExpectSameRows(run->rows, expected);
    for (size_t batch = 0; batch + 1 < run->batch_rows.size(); ++batch) EXPECT_EQ(run->batch_rows[batch], run->batch_rows[0]);
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(ScanOracle, TablesOfEveryTypeAreReadAsTheyAre) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto settings = Settings();
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    const auto schema = arrow::schema({arrow::field("value", type)});
    const auto batches = RandomBatches(schema, &random, 200);
    ExpectScanned(TablePlan(schema, batches), TextsOf(Identify(batches)), settings[random() % settings.size()], 1 + static_cast<int64_t>(random() % 300));
  }
}

TEST(ScanOracle, AllTypesTogetherAreReadAsTheyAreUnderEverySetting) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto schema = EverySchema();
  const auto batches = RandomBatches(schema, &random, 150);
  for (const Setting& setting : Settings()) {
    ExpectScanned(TablePlan(schema, batches), TextsOf(Identify(batches)), setting, 1 + static_cast<int64_t>(random() % 200));
  }
}

TEST(ScanOracle, RowsWithoutColumnsAreCounted) {
  const auto schema = arrow::schema({});
  const Batches batches = {RandomBatch(schema, {.rows = 77}), RandomBatch(schema, {.rows = 0}), RandomBatch(schema, {.rows = 1001})};
  for (const Setting& setting : Settings()) ExpectScanned(TablePlan(schema, batches), std::vector<std::string>(1078), setting, 100);
}

TEST(ScanOracle, TablesWithoutRowsGiveNoBatch) {
  const auto schema = EverySchema();
  for (const Setting& setting : Settings()) ExpectScanned(TablePlan(schema, {RandomBatch(schema, {.rows = 0})}), {}, setting, 100);
}

TEST(ScanOracle, AResumeAtAnyBatchGivesTheRest) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto schema = arrow::schema({arrow::field("a", arrow::int32()), arrow::field("s", arrow::utf8())});
  const auto batches = RandomBatches(schema, &random, 300);
  const auto filter = std::make_shared<Expression>(arrow::compute::call("greater", {arrow::compute::field_ref("a"), arrow::compute::literal(0)}));
  for (const auto& plan : {TablePlan(schema, batches), *FilterPlan(TablePlan(schema, batches), filter)}) {
    TestEngine host;
    ExecuteOptions options;
    options.batch_rows = 1 + static_cast<int64_t>(random() % 40);
    const auto whole = *RunPlan(host.engine(), plan, options);
    size_t consumed = 0;
    for (size_t step = 0; step < whole.batch_rows.size(); ++step) {
      SCOPED_TRACE("after batch " + std::to_string(step) + ", batches of " + std::to_string(options.batch_rows));
      consumed += static_cast<size_t>(whole.batch_rows[step]);
      TestEngine other(Settings()[random() % Settings().size()].EngineOptions(TestSeed()));
      ExecuteOptions rest = options;
      rest.batch_rows = 1 + static_cast<int64_t>(random() % 60);
      rest.has_resume = true;
      rest.resume = whole.positions[step];
      auto run = RunPlan(other.engine(), plan, rest);
      ASSERT_TRUE(run.ok()) << run.status();
      ExpectSameRows(run->rows, {whole.rows.begin() + static_cast<std::ptrdiff_t>(consumed), whole.rows.end()});
    }
  }
}

TEST(ScanOracle, ALimitKeepsTheFirstRowsAndDropLastTheWholeBatches) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto schema = arrow::schema({arrow::field("a", arrow::int32()), arrow::field("s", arrow::utf8())});
  const auto batches = Batches{RandomBatch(schema, {.rows = 500, .seed = TestSeed()}), RandomBatch(schema, {.rows = 300, .seed = TestSeed() + 1})};
  const auto filter = std::make_shared<Expression>(arrow::compute::call("greater", {arrow::compute::field_ref("a"), arrow::compute::literal(0)}));
  const auto source = TablePlan(schema, batches);
  const auto shuffled = ShufflePlanNode(source, SeedKind::kFixed, 5);
  for (const auto& plan : {source, *FilterPlan(source, filter), shuffled, *FilterPlan(shuffled, filter)}) {
    TestEngine host;
    const auto whole = *RunPlan(host.engine(), plan, {});
    for (const int64_t limit : {int64_t{0}, int64_t{1}, int64_t{99}, int64_t{100}, int64_t{130}, int64_t{5000}}) {
      for (const bool drop_last : {false, true}) {
        SCOPED_TRACE(DescribePlan(*plan) + " limit " + std::to_string(limit) + (drop_last ? ", drop_last" : ""));
        ExecuteOptions options;
        options.batch_rows = 50;
        options.drop_last = drop_last;
        auto run = RunPlan(host.engine(), *LimitPlan(plan, limit), options);
        ASSERT_TRUE(run.ok()) << run.status();
        int64_t rows = std::min(limit, static_cast<int64_t>(whole.rows.size()));
        const int64_t batch_rows = HostileSwitches::FromEnvironment().one_row ? 1 : 50;
        if (drop_last) rows -= rows % batch_rows;
        ExpectSameRows(run->rows, {whole.rows.begin(), whole.rows.begin() + rows});
      }
    }
  }
}

/// Reads and shuffles the files under a setting; both must give what Arrow's own reader gives.
void ExpectFilesLikeTheOracle(const ParquetFiles& files, const Setting& setting, int64_t batch_rows) {
  auto rows = files.Rows();
  ASSERT_TRUE(rows.ok()) << rows.status();
  TestEngine host(setting.EngineOptions(TestSeed()));
  SCOPED_TRACE(setting.ToString() + ", batches of " + std::to_string(batch_rows));
  {
    auto plan = files.Plan(host.engine()->env());
    ASSERT_TRUE(plan.ok()) << plan.status();
    ExecuteOptions options;
    options.batch_rows = batch_rows;
    auto read = RunPlan(host.engine(), *plan, options);
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSameRows(read->rows, TextsOf(*rows));
    auto shuffled = RunPlan(host.engine(), ShufflePlanNode(*plan, SeedKind::kFixed, 8), options);
    ASSERT_TRUE(shuffled.ok()) << shuffled.status();
    ExpectSameRows(shuffled->rows, PlainShuffle(*rows, 8, 0));
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(ScanOracle, ParquetFilesOfEveryTypeAreReadAndShuffledLikeArrowReadsThem) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 random(TestSeed());
  const auto settings = Settings();
  int held = 0;
  arrow::FieldVector all;
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    const auto schema = arrow::schema({arrow::field("value", type)});
    ParquetFiles files;
    Status written;
    for (uint64_t file = 1 + random() % 3; file > 0 && written.ok(); --file) {
      written = files.Write(RandomBatches(schema, &random, 200), schema, 1 + static_cast<int64_t>(random() % 250));
    }
    if (!written.ok() || !files.Rows().ok()) continue;
    // A few rows may be held by chance: lists of no elements are, as long as none of them is there.
    ParquetFiles many;
    if (!many.Write({RandomBatch(schema, {.rows = 120, .seed = TestSeed()})}, schema, 50).ok() || !many.Rows().ok()) continue;
    ++held;
    all.push_back(arrow::field("c" + std::to_string(held), type));
    ExpectFilesLikeTheOracle(files, settings[random() % settings.size()], 1 + static_cast<int64_t>(random() % 300));
  }
  EXPECT_GE(held, 80) << "types that Parquet can hold";
  ParquetFiles together;
  const Status written = together.Write({RandomBatch(arrow::schema(all), {.rows = 120, .seed = TestSeed()})}, arrow::schema(all), 50);
  ASSERT_TRUE(written.ok()) << written;
  ASSERT_TRUE(together.Rows().ok()) << together.Rows().status();
  for (const Setting& setting : settings) ExpectFilesLikeTheOracle(together, setting, 33);
}

}  // namespace
}  // namespace millstream
