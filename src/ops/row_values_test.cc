#include "ops/row_values.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <set>

namespace millstream {
namespace {

using Kind = RowValue::Kind;

std::shared_ptr<arrow::Array> Values(RowValue value, const RowPlaces& places, int64_t rows) {
  value.column = "value";
  const auto batch = arrow::RecordBatch::Make(arrow::schema({}), rows, std::vector<std::shared_ptr<arrow::Array>>{});
  return WithRowValues({value}, places, batch, arrow::default_memory_pool()).ValueOrDie()->column(0);
}

std::vector<double> Numbers(uint64_t seed, bool each_epoch, const RowPlaces& places, int64_t rows) {
  const auto column = Values({Kind::kRandom, "", seed, each_epoch}, places, rows);
  const auto& numbers = static_cast<const arrow::DoubleArray&>(*column);
  return {numbers.raw_values(), numbers.raw_values() + rows};
}

std::string Uuid(uint64_t seed, const RowPlaces& places) {
  const auto column = Values({Kind::kUuid, "", seed, false}, places, 1);
  return static_cast<const arrow::StringArray&>(*column).GetString(0);
}

TEST(RowValues, IdsHoldTheSourceAboveTheRow) {
  const auto column = Values({Kind::kIncreasingId}, {0, 3, 7}, 2);
  const auto& ids = static_cast<const arrow::Int64Array&>(*column);
  EXPECT_EQ(ids.Value(0), (int64_t{3} << 40) + 7);
  EXPECT_EQ(ids.Value(1), (int64_t{3} << 40) + 8);
}

TEST(RowValues, IdsThatDoNotFitAreRefused) {
  const auto batch = arrow::RecordBatch::Make(arrow::schema({}), 2, std::vector<std::shared_ptr<arrow::Array>>{});
  for (const RowPlaces& places : {RowPlaces{0, 1U << 23, 0}, RowPlaces{0, 0, (int64_t{1} << 40) - 1}}) {
    EXPECT_EQ(KindOf(WithRowValues({{Kind::kIncreasingId, "id"}}, places, batch, arrow::default_memory_pool()).status()), ErrorKind::kInvalidArgument);
  }
}

TEST(RowValues, DoNotDependOnHowRowsAreCut) {
  const auto whole = Numbers(5, false, {0, 2, 10}, 6);
  const auto rest = Numbers(5, false, {0, 2, 13}, 3);
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + 3));
}

TEST(RowValues, EpochCountsOnlyWhereItIsAskedFor) {
  EXPECT_EQ(Numbers(5, false, {0, 0, 0}, 4), Numbers(5, false, {1, 0, 0}, 4));
  EXPECT_EQ(Numbers(5, false, {1, 0, 0}, 4), Numbers(5, true, {0, 0, 0}, 4));
  EXPECT_NE(Numbers(5, true, {0, 0, 0}, 4), Numbers(5, true, {1, 0, 0}, 4));
  EXPECT_NE(Numbers(5, true, {1, 0, 0}, 4), Numbers(6, true, {1, 0, 0}, 4));
}

TEST(RowValues, RandomNumbersFillTheirRangeEvenly) {
  constexpr int64_t kRows = 100000;
  constexpr int kBins = 10;
  std::vector<int64_t> counts(kBins);
  for (const double number : Numbers(11, false, {}, kRows)) {
    ASSERT_GE(number, 0);
    ASSERT_LT(number, 1);
    ++counts[static_cast<int>(number * kBins)];
  }
  for (const int64_t count : counts) EXPECT_NEAR(static_cast<double>(count), kRows / kBins, 500);  // five standard deviations
}

TEST(RowValues, UuidsAreOfVersion4AndDistinct) {
  std::set<std::string> seen;
  for (uint32_t source = 0; source < 4; ++source) {
    for (int64_t row = 0; row < 1000; ++row) {
      const std::string text = Uuid(1, {0, source, row});
      ASSERT_EQ(text.size(), 36U);
      for (const size_t dash : {8, 13, 18, 23}) ASSERT_EQ(text[dash], '-') << text;
      ASSERT_EQ(text[14], '4') << text;
      ASSERT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
      ASSERT_TRUE(seen.insert(text).second) << text;
    }
  }
  EXPECT_NE(Uuid(1, {}), Uuid(2, {}));
}

}  // namespace
}  // namespace millstream
