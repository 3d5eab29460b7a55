/// A join beyond memory of sides that are in the same order, which is what a table joined with something made of it is.

#include <arrow/api.h>
#include <gtest/gtest.h>

#include "testing/oracle_tables.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

constexpr int64_t kRows = 150'000;
constexpr int64_t kBatchRows = 3000;
constexpr int kTextBytes = 600;

/// Rows numbered in order, each with a text of its own.
PlanPtr Side(const std::string& text) {
  const auto schema = arrow::schema({arrow::field("key", arrow::int64()), arrow::field(text, arrow::utf8())});
  Batches batches;
  for (int64_t begin = 0; begin < kRows; begin += kBatchRows) {
    arrow::Int64Builder keys;
    arrow::StringBuilder texts;
    for (int64_t row = begin; row < begin + kBatchRows; ++row) {
      EXPECT_TRUE(keys.Append(row).ok());
      EXPECT_TRUE(texts.Append(text + std::to_string(row) + std::string(kTextBytes, 'x')).ok());
    }
    batches.push_back(arrow::RecordBatch::Make(schema, kBatchRows, {*keys.Finish(), *texts.Finish()}));
  }
  return TablePlan(schema, batches);
}

/// The number of rows, each of which must have its own two texts, in order.
int64_t CountRows(BatchStream& stream) {
  int64_t rows = 0;
  for (;;) {
    const auto batch = stream.Next([] { return false; });
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->data == nullptr) return rows;
    const auto& left = static_cast<const arrow::StringArray&>(*batch->data->GetColumnByName("left"));
    const auto& right = static_cast<const arrow::StringArray&>(*batch->data->GetColumnByName("right"));
    for (int64_t row = 0; row < batch->data->num_rows(); ++row, ++rows) {
      const std::string tail = std::to_string(rows) + std::string(kTextBytes, 'x');
      if (left.GetView(row) != "left" + tail || right.GetView(row) != "right" + tail) ADD_FAILURE() << "row " << rows;
    }
  }
}

TEST(PartitionedJoin, SidesInTheSameOrderAreSpreadOverAllPartitions) {
  const auto hostile = HostileSwitches::FromEnvironment();
  if (hostile.always_spill || hostile.always_two_passes || hostile.always_keep_on_disk || hostile.minimum_budget) GTEST_SKIP() << "of what is spilled without hostile switches";
  TestEngine host({.lanes = 2, .memory_limit_bytes = 48 << 20});
  const auto plan = JoinPlan(Side("left"), Side("right"), {JoinType::kInner, {"key"}, {"key"}, "", ""});
  ASSERT_TRUE(plan.ok()) << plan.status();
  {
    ExecuteOptions options;
    options.batch_rows = 1000;
    auto stream = Execute(host.engine(), *plan, options);
    ASSERT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ(CountRows(**stream), kRows);
    int64_t first = -1, second = -1;  // what each pass over the result spilled
    for (const StageStatistics* stage : (*stream)->stages()) {
      if (stage->name == "Join, rows sorted") first = stage->spilled_bytes;
      if (stage->name == "Join, rows sorted, second pass") second = stage->spilled_bytes;
    }
    EXPECT_GT(first, kRows * kTextBytes);
    ASSERT_GE(second, 0) << "there was one pass";
    EXPECT_LT(second, first / 2) << "most rows were in one coarse partition";
  }
  EXPECT_EQ(host.Leftovers(), "");
}

}  // namespace
}  // namespace millstream
