/// Samples and splits.

#include <map>
#include <set>

#include "api/test_rows.h"

namespace millstream {
namespace {

using PartsTest = ApiTest;

std::vector<int64_t> Joined(const std::vector<Dataset>& parts) {
  std::vector<int64_t> all;
  for (const Dataset& part : parts) {
    const auto values = ValuesOf(part, "number");
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::vector<int64_t> Sizes(const std::vector<Dataset>& parts) {
  std::vector<int64_t> sizes;
  for (const Dataset& part : parts) sizes.push_back(*part.Count());
  return sizes;
}

TEST_F(PartsTest, PartsAreTheRowsInOrderWhateverIsBelow) {
  const Dataset read = Read();
  const auto same = [](const auto& batch, const CallContext&) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> { return batch; };
  const std::vector<Dataset> wholes = {read, read.RandomShuffle(), *read.Filter(Column("name").IsNotNull()), *read.MapBatches(same, {.batch_size = 64})};
  for (const Dataset& whole : wholes) {
    SCOPED_TRACE(*whole.Explain());
    const auto order = ValuesOf(whole, "number");
    const auto rows = static_cast<int64_t>(order.size());
    const auto at = whole.SplitAtIndices({0, 10, 10, 300});
    ASSERT_TRUE(at.ok()) << at.status();
    EXPECT_EQ(Sizes(*at), (std::vector<int64_t>{0, 10, 0, 290, rows - 300}));
    EXPECT_EQ(Joined(*at), order);
    const auto shares = whole.SplitProportionately({0.25, 0.5});
    EXPECT_EQ(Sizes(*shares), (std::vector<int64_t>{rows / 4, rows / 2, rows / 4}));
    EXPECT_EQ(Joined(*shares), order);
    EXPECT_EQ(Joined(*whole.Split(7)), order);
    EXPECT_EQ(Sizes(*whole.Split(3, /*equal=*/true)), (std::vector<int64_t>{rows / 3, rows / 3, rows / 3}));
    const auto [train, test] = *whole.TrainTestSplit({.test_rows = 100});
    EXPECT_EQ(Joined({train, test}), order);
    EXPECT_EQ(*test.Count(), 100);
  }
}

TEST_F(PartsTest, ASplitMayBeShuffledFirst) {
  const auto [train, test] = *Read().TrainTestSplit({.test_size = 0.1, .shuffle = true, .seed = 3});
  EXPECT_EQ(Joined({train, test}), ValuesOf(Read().RandomShuffle({.seed = 3}), "number"));
  EXPECT_EQ(*test.Count(), 100);
  const auto [first, second] = *Read().TrainTestSplit({.test_size = 0.1, .shuffle = true});
  auto drawn = Joined({first, second});
  EXPECT_FALSE(std::is_sorted(drawn.begin(), drawn.end()));
  EXPECT_EQ(std::set<int64_t>(drawn.begin(), drawn.end()).size(), static_cast<size_t>(kRows));
}

TEST_F(PartsTest, PartsOfAShuffleKeepTheirRowsInEveryEpoch) {
  const auto [train, test] = *Read().RandomShuffle().TrainTestSplit({.test_rows = 100});
  const auto expected = ValuesOf(test, "number");
  DataIterator iterator = test.Iterator();
  for (int epoch = 0; epoch < 3; ++epoch) {
    auto batches = iterator.IterateBatches({.batch_size = 1000});
    ASSERT_TRUE(batches.ok()) << batches.status();
    const auto batch = (*batches)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    const auto& numbers = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
    EXPECT_EQ(std::vector<int64_t>(numbers.raw_values(), numbers.raw_values() + numbers.length()), expected);
  }
}

TEST_F(PartsTest, AStratifiedSplitHasTheShareOfEachValue) {
  const auto keyed = Read().WithColumn("key", Column("number") % Literal(3));
  const auto [train, test] = *keyed->TrainTestSplit({.test_size = 0.2, .stratify = "key"});
  std::map<int64_t, int64_t> counts;
  for (const int64_t key : ValuesOf(test, "key")) ++counts[key];
  EXPECT_EQ(counts, (std::map<int64_t, int64_t>{{0, 67}, {1, 67}, {2, 67}}));
  const auto all = Joined({train, test});
  EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), static_cast<size_t>(kRows));
}

TEST_F(PartsTest, AStreamingSplitCountsNothingAndMayGoByTheHashOfAColumn) {
  const auto by_place = *Read().StreamingTrainTestSplit({.test_size = 0.25, .seed = 8});
  const auto numbers = Joined({by_place.first, by_place.second});
  EXPECT_EQ(std::set<int64_t>(numbers.begin(), numbers.end()).size(), static_cast<size_t>(kRows));
  EXPECT_NEAR(static_cast<double>(*by_place.second.Count()), 250, 80);
  const auto keyed = *Read().WithColumn("key", Column("number") % Literal(40))->StreamingTrainTestSplit({.test_size = 0.5, .hash_column = "key"});
  const auto train = ValuesOf(keyed.first, "key"), test = ValuesOf(keyed.second, "key");
  std::set<int64_t> both;
  const std::set<int64_t> in_train(train.begin(), train.end()), in_test(test.begin(), test.end());
  std::set_intersection(in_train.begin(), in_train.end(), in_test.begin(), in_test.end(), std::inserter(both, both.end()));
  EXPECT_TRUE(both.empty());
  EXPECT_EQ(in_train.size() + in_test.size(), 40u);
}

TEST_F(PartsTest, ASampleIsTheSameRowsEachTime) {
  const auto sample = Read().RandomSample(0.3, {.seed = 5});
  const auto numbers = ValuesOf(sample, "number");
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  EXPECT_NEAR(static_cast<double>(numbers.size()), 300, 80);
  EXPECT_EQ(ValuesOf(Read().RandomSample(0.3, {.seed = 5}), "number"), numbers);
  const auto drawn = Read().RandomSample(0.5);
  EXPECT_EQ(ValuesOf(drawn, "number"), ValuesOf(drawn, "number"));
  EXPECT_EQ(*Read().RandomSample(0)->Count(), 0);
  EXPECT_EQ(*Read().RandomSample(1)->Count(), kRows);
}

TEST_F(PartsTest, PartsThatCannotBeAreRefused) {
  const Dataset read = Read();
  Refusal(read.RandomSample(1.5), ErrorKind::kInvalidArgument);
  EXPECT_HAS(Refusal(read.SplitAtIndices({3, 1}), ErrorKind::kInvalidArgument), "got [3, 1]");
  EXPECT_HAS(Refusal(read.SplitProportionately({0.5, 0.5}), ErrorKind::kInvalidArgument), "got [0.5, 0.5]");
  Refusal(read.Split(0), ErrorKind::kInvalidArgument);
  Refusal(read.TrainTestSplit({}), ErrorKind::kInvalidArgument);
  Refusal(read.TrainTestSplit({.test_size = 0.5, .test_rows = 5}), ErrorKind::kInvalidArgument);
  EXPECT_HAS(Refusal(read.TrainTestSplit({.test_rows = kRows}), ErrorKind::kInvalidArgument), "below the 1000 rows");
  Refusal(read.TrainTestSplit({.test_size = 1.5}), ErrorKind::kInvalidArgument);
  Refusal(read.TrainTestSplit({.test_size = 0.5, .seed = 1}), ErrorKind::kInvalidArgument);
  Refusal(read.TrainTestSplit({.test_size = 0.5, .shuffle = true, .stratify = "name"}), ErrorKind::kInvalidArgument);
  Refusal(read.TrainTestSplit({.test_size = 0.5, .stratify = "nam"}), ErrorKind::kUnknownColumn);
  Refusal(read.StreamingTrainTestSplit({.test_size = 0}), ErrorKind::kInvalidArgument);
  Refusal(read.StreamingTrainTestSplit({.test_size = 0.5, .hash_column = "name", .seed = 1}), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace millstream
