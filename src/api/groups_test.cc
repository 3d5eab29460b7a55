/// Groups and aggregations, each against what a plain computation gives.

#include <cmath>
#include <map>
#include <random>

#include "api/test_rows.h"

namespace millstream {
namespace {

using GroupsTest = ApiTest;

Dataset Sales(const Context& context) {
  return DatasetOf(context, {{"shop", Texts({"b", "a", "b", std::nullopt, "a", "b"})}, {"price", Integers({4, 1, std::nullopt, 7, 3, 2})}});
}

TEST_F(GroupsTest, OneRowAGroupInTheOrderOfTheKeys) {
  const auto groups = Sales(*context_).GroupBy({"shop"});
  EXPECT_EQ(LinesOf(groups.Count()), (Lines{"a|2", "b|3", "null|1"}));
  EXPECT_EQ(LinesOf(groups.Sum({"price"})), (Lines{"a|4", "b|6", "null|7"}));
  EXPECT_EQ(LinesOf(groups.Min()), (Lines{"a|1", "b|2", "null|7"}));
  EXPECT_EQ(LinesOf(groups.Max()), (Lines{"a|3", "b|4", "null|7"}));
  EXPECT_EQ(LinesOf(groups.Mean({"price"})), (Lines{"a|2", "b|3", "null|7"}));
  EXPECT_EQ(LinesOf(groups.Std({"price"}, 0)), (Lines{"a|1", "b|1", "null|0"}));
  EXPECT_EQ(groups.Mean()->schema()->field_names(), (std::vector<std::string>{"shop", "mean(price)"}));
}

TEST_F(GroupsTest, EveryAggregationIsWhatItsNameSays) {
  const Dataset rows = DatasetOf(*context_, {{"x", Integers({-5, 0, 2, 2, std::nullopt})}});
  const std::vector<std::pair<AggregateFn, std::string>> cases = {
      {Count(), "5"},
      {Count("x", {.ignore_nulls = true}), "4"},
      {Sum("x"), "-1"},
      {Sum("x", {.name = "total", .ignore_nulls = false}), "null"},
      {Min("x"), "-5"},
      {Max("x"), "2"},
      {Mean("x"), "-0.25"},
      {AbsMax("x"), "5"},
      {Quantile("x", 0.5), "1"},
      {CountDistinct("x"), "3"},
      {MissingValuePercentage("x"), "20"},
      {ZeroPercentage("x"), "25"},
      {Unique("x"), "[-5,0,2,null]"},
      {AsList("x", {.ignore_nulls = true}), "[-5,0,2,2]"},
  };
  for (const auto& [aggregate, expected] : cases) {
    const auto row = rows.Aggregate({aggregate});
    ASSERT_TRUE(row.ok()) << aggregate.name() << ": " << row.status();
    EXPECT_EQ((*row)->num_rows(), 1);
    EXPECT_EQ((*row)->schema()->field_names(), std::vector<std::string>{aggregate.name()});
    std::string text = (*(*row)->column(0)->GetScalar(0))->ToString();
    if (const size_t list = text.find('['); list != std::string::npos) text = text.substr(list);
    text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; }), text.end());
    EXPECT_EQ(text, expected) << aggregate.name();
  }
  EXPECT_EQ(Sum("x").name(), "sum(x)");
  EXPECT_EQ(Std("x", 2, {.name = "spread"}).name(), "spread");
}

TEST_F(GroupsTest, ListsAndStructsOfValuesAreWhatTheirNamesSay) {
  const Dataset rows = DatasetOf(*context_, {{"x", Integers({3, 1, 3, 3, 1, 2})}});
  const auto row = rows.Aggregate({ApproximateTopK("x", 2), ValueCounter("x"), ApproximateQuantile("x", {0.0, 1.0})});
  ASSERT_TRUE(row.ok()) << row.status();
  const auto top = std::static_pointer_cast<arrow::ListArray>((*row)->column(0))->value_slice(0);
  EXPECT_TRUE(std::static_pointer_cast<arrow::StructArray>(top)->GetFieldByName("x")->Equals(Integers({3, 1})));
  EXPECT_TRUE(std::static_pointer_cast<arrow::StructArray>(top)->GetFieldByName("count")->Equals(Integers({3, 2})));
  const auto counter = std::static_pointer_cast<arrow::StructArray>((*row)->column(1));
  EXPECT_TRUE(std::static_pointer_cast<arrow::ListArray>(counter->GetFieldByName("values"))->value_slice(0)->Equals(Integers({1, 2, 3})));
  EXPECT_TRUE(std::static_pointer_cast<arrow::ListArray>(counter->GetFieldByName("counts"))->value_slice(0)->Equals(Integers({2, 1, 3})));
  const auto ends = std::static_pointer_cast<arrow::ListArray>((*row)->column(2))->value_slice(0);
  EXPECT_NEAR(static_cast<const arrow::DoubleArray&>(*ends).Value(0), 1, 0.01);
  EXPECT_NEAR(static_cast<const arrow::DoubleArray&>(*ends).Value(1), 3, 0.01);
}

TEST_F(GroupsTest, OfAllRowsThereAreShortWays) {
  const Dataset sales = Sales(*context_);
  EXPECT_EQ((*sales.Sum("price"))->ToString(), "17");
  EXPECT_EQ((*sales.Min("shop"))->ToString(), "a");
  EXPECT_EQ((*sales.Max("price"))->ToString(), "7");
  EXPECT_EQ((*sales.Mean("price"))->ToString(), "3.4");
  const double deviation = static_cast<const arrow::DoubleScalar&>(**sales.Std("price")).value;
  EXPECT_NEAR(deviation, std::sqrt(21.2 / 4), 1e-12);
  EXPECT_TRUE((*sales.Unique("shop"))->Equals(Texts({"a", "b", std::nullopt})));
  EXPECT_TRUE((*sales.Unique("shop", /*ignore_nulls=*/true))->Equals(Texts({"a", "b"})));
  EXPECT_EQ((*sales.Limit(0)->Unique("price"))->length(), 0);
  EXPECT_EQ((*sales.Limit(0)->Sum("price"))->is_valid, false);
}

TEST_F(GroupsTest, ManyGroupsAgreeWithAMapAndSpillInLittleMemory) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr int64_t kMany = 600'000, kGroups = 400'000;
  auto small = Context::Make({.num_cpus = 2, .memory_limit = 64 << 20});
  ASSERT_TRUE(small.ok()) << small.status();
  const int64_t factor = 10 * static_cast<int64_t>(std::mt19937_64(seed)() % 200) + 7919;  // without a factor of kGroups, so that all groups are there
  const auto rows = Dataset::Range(*small, kMany, 16)->WithColumn("key", Column("id") * Literal(factor) % Literal(kGroups));
  std::map<int64_t, int64_t> sums;
  for (int64_t id = 0; id < kMany; ++id) sums[id * factor % kGroups] += id;
  DataIterator iterator = rows->GroupBy({"key"}).Sum({"id"})->Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 8192});
  ASSERT_TRUE(batches.ok()) << batches.status();
  auto expected = sums.begin();
  for (;;) {
    const auto batch = (*batches)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (*batch == nullptr) break;
    const auto& keys = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
    const auto& values = static_cast<const arrow::Int64Array&>(*(*batch)->column(1));
    for (int64_t row = 0; row < keys.length(); ++row, ++expected) {
      ASSERT_TRUE(expected != sums.end());
      ASSERT_EQ(std::pair(keys.Value(row), values.Value(row)), std::pair(expected->first, expected->second));
    }
  }
  EXPECT_TRUE(expected == sums.end());
  int64_t spilled = 0;
  for (const StageReport& stage : (*batches)->Statistics()) spilled += stage.spilled_bytes;
  EXPECT_GT(spilled, 0);
  EXPECT_LE(small->memory_peak(), small->memory_limit());
}

TEST_F(GroupsTest, AFunctionIsGivenEachGroupWhole) {
  const auto first = [](const std::shared_ptr<arrow::RecordBatch>& group, const CallContext& call) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    EXPECT_NE(call.rows.find("group"), std::string::npos) << call.rows;
    return group->Slice(0, 1);
  };
  EXPECT_EQ(LinesOf(Sales(*context_).GroupBy({"shop"}).MapGroups(first)), (Lines{"a|1", "b|4", "null|7"}));
  EXPECT_EQ(LinesOf(Sales(*context_).GroupBy({}).MapGroups(first)), (Lines{"b|4"}));
}

TEST_F(GroupsTest, GroupsThatCannotBeAreRefused) {
  const Dataset sales = Sales(*context_);
  EXPECT_HAS(Refusal(sales.GroupBy({"shp"}).Count(), ErrorKind::kUnknownColumn), "did you mean 'shop'");
  Refusal(sales.GroupBy({"shop"}).Mean({"prise"}), ErrorKind::kUnknownColumn);
  EXPECT_HAS(Refusal(sales.GroupBy({"price"}).Sum({"shop"}), ErrorKind::kType), "sum of column 'shop'");
  Refusal(sales.GroupBy({"shop"}).Aggregate({}), ErrorKind::kInvalidArgument);
  Refusal(sales.GroupBy({"shop", "price"}).Sum(), ErrorKind::kInvalidArgument);
  EXPECT_HAS(Refusal(sales.GroupBy({"shop"}).Aggregate({Sum("price"), Sum("price")}), ErrorKind::kInvalidArgument), "sum(price)");
  Refusal(sales.Aggregate({Quantile("price", 1.5)}), ErrorKind::kInvalidArgument);
  Refusal(sales.Unique("prise"), ErrorKind::kUnknownColumn);
}

TEST_F(GroupsTest, AFailureInAGroupNamesTheGroup) {
  const auto failing = Sales(*context_).GroupBy({"shop"}).MapGroups(
      [](const auto& group, const CallContext&) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
        if (group->num_rows() == 3) return arrow::Status::Invalid("three are too many");
        return group;
      },
      {.name = "few"});
  const auto message = Refusal(failing->ToTable(), ErrorKind::kInvalidArgument);
  EXPECT_HAS(message, "MapGroups(few)");
  EXPECT_HAS(message, "the group that begins with row 2");
  EXPECT_HAS(message, "three are too many");
}

}  // namespace
}  // namespace millstream
