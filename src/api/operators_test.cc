/// Orders, and data sets made of several, each against what a plain computation gives.

#include <map>
#include <random>

#include "api/test_rows.h"

namespace millstream {
namespace {

using OperatorsTest = ApiTest;

Dataset People(const Context& context) {
  return DatasetOf(context, {{"team", Texts({"b", "a", std::nullopt, "b", "a"})}, {"score", Integers({3, 1, 4, std::nullopt, 5})}});
}

TEST_F(OperatorsTest, SortsBySeveralKeysUpAndDownWithNullsWhereAskedFor) {
  const Dataset people = People(*context_);
  EXPECT_EQ(LinesOf(people.Sort({{Column("team")}, {.key = Column("score"), .descending = true}})), (Lines{"a|5", "a|1", "b|3", "b|null", "null|4"}));
  EXPECT_EQ(LinesOf(people.Sort({{.key = Column("score"), .nulls_first = true}})), (Lines{"b|null", "a|1", "b|3", "null|4", "a|5"}));
}

TEST_F(OperatorsTest, SortsByAnExpressionAndKeepsTheColumns) {
  const Dataset people = People(*context_);
  const auto sorted = people.Sort({{.key = Column("score") * Literal(-1)}, {Column("team")}});
  EXPECT_EQ(LinesOf(sorted), (Lines{"a|5", "null|4", "b|3", "a|1", "b|null"}));
  EXPECT_EQ(sorted->schema()->field_names(), people.schema()->field_names());
}

TEST_F(OperatorsTest, EqualRowsStayInTheirOrder) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 draw(seed);
  std::vector<std::optional<int64_t>> keys, places;
  for (int64_t row = 0; row < 5000; ++row) {
    keys.push_back(static_cast<int64_t>(draw() % 50));
    places.push_back(row);
  }
  std::vector<std::pair<int64_t, int64_t>> expected;
  for (size_t row = 0; row < keys.size(); ++row) expected.emplace_back(*keys[row], *places[row]);
  std::stable_sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto sorted = DatasetOf(*context_, {{"key", Integers(keys)}, {"place", Integers(places)}}).Sort({{.key = Column("key"), .descending = true}});
  std::vector<int64_t> order;
  for (const auto& [key, place] : expected) order.push_back(place);
  EXPECT_EQ(ValuesOf(sorted, "place"), order);
}

TEST_F(OperatorsTest, SpillsASortThatDoesNotFitTheMemory) {
  constexpr int64_t kMany = 4'000'000;
  auto small = Context::Make({.num_cpus = 2, .memory_limit = 24 << 20});
  ASSERT_TRUE(small.ok()) << small.status();
  const auto sorted = Dataset::Range(*small, kMany, 40)->Sort({{.key = Column("id"), .descending = true}});
  ASSERT_TRUE(sorted.ok()) << sorted.status();
  DataIterator iterator = sorted->Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 10'000});
  ASSERT_TRUE(batches.ok()) << batches.status();
  int64_t next = kMany - 1;
  for (;;) {
    const auto batch = (*batches)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (*batch == nullptr) break;
    const auto& ids = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
    for (int64_t row = 0; row < ids.length(); ++row) ASSERT_EQ(ids.Value(row), next--);
  }
  EXPECT_EQ(next, -1);
  int64_t spilled = 0;
  for (const StageReport& stage : (*batches)->Statistics()) spilled += stage.spilled_bytes;
  EXPECT_GT(spilled, 0);
  EXPECT_LE(small->memory_peak(), small->memory_limit());
}

TEST_F(OperatorsTest, SortsThatCannotBeAreRefused) {
  const Dataset people = People(*context_);
  EXPECT_HAS(Refusal(people.Sort({}), ErrorKind::kInvalidArgument), "at least one column");
  EXPECT_HAS(Refusal(people.Sort({{Column("scor")}}), ErrorKind::kUnknownColumn), "did you mean 'score'");
  EXPECT_HAS(Refusal(people.Sort({{Column("team")}, {Column("team")}}), ErrorKind::kInvalidArgument), "'team' twice");
  Refusal(people.Sort({{.key = Column("team") - Column("score")}}), ErrorKind::kType);
}

TEST_F(OperatorsTest, AShuffleWithoutASeedIsTheSameInAllThatLooksAtTheSameDataSet) {
  const Dataset drawn = Read().RandomShuffle();
  EXPECT_EQ(ValuesOf(drawn, "number"), ValuesOf(drawn, "number"));
  EXPECT_NE(ValuesOf(drawn, "number"), ValuesOf(Read().RandomShuffle(), "number"));
}

TEST_F(OperatorsTest, AWholeResultIsTheFirstEpoch) {
  const Dataset shuffled = Read().RandomShuffle({.seed = 9, .reseed_after_execution = true});
  DataIterator iterator = shuffled.Iterator();
  auto batches = iterator.IterateBatches({.batch_size = kRows});
  ASSERT_TRUE(batches.ok()) << batches.status();
  const auto batch = (*batches)->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  const auto& numbers = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
  EXPECT_EQ(ValuesOf(shuffled, "number"), std::vector<int64_t>(numbers.raw_values(), numbers.raw_values() + numbers.length()));
}

TEST_F(OperatorsTest, CountsAfterALimitWhoseRowsAShuffleDecides) {
  const auto first = Read().RandomShuffle({.seed = 3}).Limit(100);
  const auto kept = first->Filter(Column("number") < Literal(500));
  const auto numbers = ValuesOf(first, "number");
  EXPECT_EQ(*kept->Count(), std::count_if(numbers.begin(), numbers.end(), [](int64_t number) { return number < 500; }));
}

TEST_F(OperatorsTest, BlocksComeWholeInAnOrderOfTheirOwn) {
  const auto blocks = Dataset::Range(*context_, 100, 10)->RandomizeBlockOrder({.seed = 3});
  const auto order = ValuesOf(blocks, "id");
  auto firsts = std::vector<int64_t>();
  for (size_t row = 0; row < order.size(); row += 10) {
    firsts.push_back(order[row]);
    for (size_t place = 0; place < 10; ++place) EXPECT_EQ(order[row + place], order[row] + static_cast<int64_t>(place));
  }
  EXPECT_FALSE(std::is_sorted(firsts.begin(), firsts.end()));
  EXPECT_EQ(ValuesOf(blocks, "id"), order);
  Refusal(Read().RandomShuffle().RandomizeBlockOrder(), ErrorKind::kInvalidArgument);
}

/// Rows of each batch that a function over whole blocks is given.
std::vector<int64_t> BlockRows(const arrow::Result<Dataset>& dataset) {
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  const auto sized = dataset->MapBatches([](const auto& batch, const CallContext&) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    const auto rows = Integers({batch->num_rows()});
    return arrow::RecordBatch::Make(arrow::schema({arrow::field("rows", rows->type())}), 1, {rows});
  });
  return ValuesOf(sized, "rows");
}

TEST_F(OperatorsTest, RepartitionsByNumberByRowsAndByKey) {
  const Dataset rows = *Dataset::Range(*context_, 10);
  EXPECT_EQ(BlockRows(rows.Repartition({.num_blocks = 4})), (std::vector<int64_t>{2, 3, 2, 3}));
  EXPECT_EQ(rows.Repartition({.num_blocks = 4})->NumBlocks(), 4);
  EXPECT_EQ(BlockRows(rows.Repartition({.target_num_rows_per_block = 4})), (std::vector<int64_t>{4, 4, 2}));
  EXPECT_EQ(ValuesOf(rows.Repartition({.num_blocks = 3}), "id"), ValuesOf(rows, "id"));
  const auto shuffled = rows.Repartition({.num_blocks = 2, .shuffle = true, .seed = 5});
  EXPECT_EQ(ValuesOf(shuffled, "id"), ValuesOf(rows.RandomShuffle({.seed = 5}), "id"));
}

TEST_F(OperatorsTest, RowsOfOneKeyAreInOneBlock) {
  const auto keyed = Dataset::Range(*context_, 300)->WithColumn("key", Column("id") % Literal(7))->Repartition({.num_blocks = 3, .keys = {"key"}, .sort = true});
  ASSERT_TRUE(keyed.ok()) << keyed.status();
  const auto blocks = keyed->MapBatches([](const auto& batch, const CallContext& call) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    const auto numbers = ArrayOf<arrow::Int64Builder>(std::vector<std::optional<int64_t>>(batch->num_rows(), call.number));
    return batch->AddColumn(2, "block", numbers);
  });
  const auto keys = ValuesOf(blocks, "key"), numbers = ValuesOf(blocks, "block");
  std::map<int64_t, int64_t> block_of;
  for (size_t row = 0; row < keys.size(); ++row) {
    EXPECT_EQ(block_of.emplace(keys[row], numbers[row]).first->second, numbers[row]);
    if (row > 0 && numbers[row] == numbers[row - 1]) EXPECT_LE(keys[row - 1], keys[row]);
  }
  EXPECT_EQ(keys.size(), 300u);
}

TEST_F(OperatorsTest, PartitionsThatCannotBeAreRefused) {
  const Dataset rows = *Dataset::Range(*context_, 10);
  Refusal(rows.Repartition({}), ErrorKind::kInvalidArgument);
  Refusal(rows.Repartition({.num_blocks = 2, .target_num_rows_per_block = 3}), ErrorKind::kInvalidArgument);
  Refusal(rows.Repartition({.num_blocks = 2, .keys = {"ids"}}), ErrorKind::kUnknownColumn);
  EXPECT_HAS(Refusal(rows.Repartition({.num_blocks = 2, .sort = true}), ErrorKind::kInvalidArgument), "name them");
  EXPECT_HAS(Refusal(rows.Repartition({.num_blocks = 2, .seed = 1}), ErrorKind::kInvalidArgument), "shuffle = true");
}

// ---- joins ----
class JoinTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    left_.emplace(DatasetOf(*context_, {{"key", Integers({1, 2, 2, std::nullopt, 4})}, {"x", Texts({"a", "b", "c", "d", "e"})}}));
    right_.emplace(DatasetOf(*context_, {{"id", Integers({2, 2, 4, 5, std::nullopt})}, {"y", Texts({"p", "q", "r", "s", "t"})}}));
  }
  arrow::Result<Dataset> Joined(JoinType type) const { return left_->Join(*right_, {.type = type, .on = {"key"}, .right_on = {"id"}}); }

  std::optional<Dataset> left_, right_;
};

TEST_F(JoinTest, EachTypeKeepsItsRowsInTheLeftsOrder) {
  const Lines matches = {"2|b|p", "2|b|q", "2|c|p", "2|c|q", "4|e|r"};
  EXPECT_EQ(LinesOf(Joined(JoinType::kInner)), matches);
  const Lines outer = {"1|a|null", "2|b|p", "2|b|q", "2|c|p", "2|c|q", "null|d|null", "4|e|r"};
  EXPECT_EQ(LinesOf(Joined(JoinType::kLeftOuter)), outer);
  Lines right = matches, full = outer;
  for (Lines* lines : {&right, &full}) lines->insert(lines->end(), {"5|null|s", "null|null|t"});
  EXPECT_EQ(LinesOf(Joined(JoinType::kRightOuter)), right);
  EXPECT_EQ(LinesOf(Joined(JoinType::kFullOuter)), full);
  EXPECT_EQ(LinesOf(Joined(JoinType::kLeftSemi)), (Lines{"2|b", "2|c", "4|e"}));
  EXPECT_EQ(LinesOf(Joined(JoinType::kLeftAnti)), (Lines{"1|a", "null|d"}));
  EXPECT_EQ(LinesOf(Joined(JoinType::kRightSemi)), (Lines{"2|p", "2|q", "4|r"}));
  EXPECT_EQ(LinesOf(Joined(JoinType::kRightAnti)), (Lines{"5|s", "null|t"}));
}

TEST_F(JoinTest, ColumnsOfBothSidesNeedSuffixes) {
  const auto twice = left_->Join(*left_, {.on = {"key"}, .left_suffix = "_l", .right_suffix = "_r"});
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ(twice->schema()->field_names(), (std::vector<std::string>{"key", "x_l", "x_r"}));
  Refusal(left_->Join(*left_, {.on = {"key"}}), ErrorKind::kInvalidArgument);
}

TEST_F(JoinTest, JoinsThatCannotBeAreRefused) {
  Refusal(left_->Join(*right_, {}), ErrorKind::kInvalidArgument);
  Refusal(left_->Join(*right_, {.on = {"kei"}, .right_on = {"id"}}), ErrorKind::kUnknownColumn);
  Refusal(left_->Join(*right_, {.on = {"x"}, .right_on = {"id"}}), ErrorKind::kType);
  Refusal(left_->Join(*right_, {.on = {"key", "x"}, .right_on = {"id"}}), ErrorKind::kInvalidArgument);
  EXPECT_HAS(Refusal(left_->Join(*right_, {.on = {"key", "key"}, .right_on = {"id", "y"}}), ErrorKind::kInvalidArgument), "the key 'key' twice on the left");
  EXPECT_HAS(Refusal(left_->Join(*right_, {.on = {"key", "x"}, .right_on = {"id", "id"}}), ErrorKind::kInvalidArgument), "the key 'id' twice on the right");
  const auto other = Context::Make({.num_cpus = 1});
  EXPECT_HAS(Refusal(left_->Join(*Dataset::Range(*other, 3), {.on = {"key"}, .right_on = {"id"}}), ErrorKind::kInvalidArgument), "two Contexts");
}

// ---- several one after the other, side by side, in turns ----
TEST_F(OperatorsTest, AUnionBringsTypesTogetherAndFillsMissingColumns) {
  const Dataset whole = DatasetOf(*context_, {{"x", Integers({1, 2})}});
  const Dataset more = DatasetOf(*context_, {{"x", Fractions({0.5})}, {"y", Texts({"z"})}});
  EXPECT_EQ(LinesOf(whole.Union({more, whole})), (Lines{"1|null", "2|null", "0.5|z", "1|null", "2|null"}));
  EXPECT_EQ(LinesOf(whole.Union({})), LinesOf(whole));
  Refusal(whole.Union({DatasetOf(*context_, {{"x", Texts({"a"})}})}), ErrorKind::kType);
}

TEST_F(OperatorsTest, AZipPutsRowsSideBySide) {
  const Dataset letters = DatasetOf(*context_, {{"x", Texts({"a", "b"})}});
  const auto zipped = letters.Zip({DatasetOf(*context_, {{"x", Integers({1, 2})}})});
  EXPECT_EQ(LinesOf(zipped), (Lines{"a|1", "b|2"}));
  EXPECT_EQ(zipped->schema()->field_names(), (std::vector<std::string>{"x", "x_1"}));
  const auto uneven = letters.Zip({*Dataset::Range(*context_, 3)});
  ASSERT_TRUE(uneven.ok()) << uneven.status();
  Refusal(uneven->ToTable(), ErrorKind::kInvalidArgument);
}

TEST_F(OperatorsTest, AMixTakesRowsAsTheWeightsSay) {
  const Dataset zeros = *Dataset::Range(*context_, 3200)->WithColumn("id", Literal(0));
  const Dataset ones = *Dataset::Range(*context_, 3200)->WithColumn("id", Literal(1));
  const auto mixed = ValuesOf(zeros.Mix({ones}, {.weights = {1, 3}}), "id");
  EXPECT_EQ(mixed.size(), 6400u);
  EXPECT_EQ(std::count(mixed.begin(), mixed.begin() + 1280, 1), 960);
  const auto shortest = ValuesOf(zeros.Mix({*ones.Limit(320)}, {.stop_on_shortest = true}), "id");
  EXPECT_EQ(std::count(shortest.begin(), shortest.end(), 1), 320);
  EXPECT_LE(shortest.size(), 704u);
  Refusal(zeros.Mix({ones}, {.weights = {1}}), ErrorKind::kInvalidArgument);
  Refusal(zeros.Mix({ones}, {.weights = {1, 0}}), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace millstream
