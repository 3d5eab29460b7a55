/// Reading, iterating, and the states of iterators.

#include "api/test_rows.h"

namespace millstream {
namespace {

/// Column "number" of what is left of a pass, batch by batch.
std::vector<std::vector<int64_t>> Drain(BatchIterator* batches) {
  std::vector<std::vector<int64_t>> out;
  for (;;) {
    auto batch = batches->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || *batch == nullptr) return out;
    const auto& numbers = static_cast<const arrow::Int64Array&>(*(*batch)->GetColumnByName("number"));
    out.emplace_back(numbers.raw_values(), numbers.raw_values() + numbers.length());
  }
}

std::vector<int64_t> Joined(const std::vector<std::vector<int64_t>>& batches) {
  std::vector<int64_t> out;
  for (const auto& batch : batches) out.insert(out.end(), batch.begin(), batch.end());
  return out;
}

std::vector<int64_t> NextEpoch(DataIterator* iterator, const IterationOptions& options = {.batch_size = 64}) {
  auto batches = iterator->IterateBatches(options);
  EXPECT_TRUE(batches.ok()) << batches.status();
  return batches.ok() ? Joined(Drain(batches->get())) : std::vector<int64_t>{};
}

std::vector<int64_t> AllNumbers() {
  std::vector<int64_t> out(kRows);
  for (int64_t i = 0; i < kRows; ++i) out[i] = i;
  return out;
}

TEST_F(ApiTest, ReadsAllRowsInTheSourcesOrder) {
  const Dataset dataset = Read();
  EXPECT_EQ(*dataset.Count(), kRows);
  EXPECT_EQ(dataset.InputFiles().size(), 4u);
  EXPECT_EQ(dataset.NumBlocks(), 16);
  EXPECT_EQ(dataset.schema()->field_names(), (std::vector<std::string>{"number", "name"}));
  DataIterator iterator = dataset.Iterator();
  EXPECT_EQ(NextEpoch(&iterator), AllNumbers());
}

TEST_F(ApiTest, CountsWhatAFilterKeeps) {
  const auto kept = Read().Filter(Column("name").IsNotNull() && !(Column("number") < Literal(500)));
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(*kept->Count(), 400);
  EXPECT_EQ(*kept->RandomShuffle().Limit(30)->Count(), 30);
}

TEST_F(ApiTest, ProjectsRenamesAddsAndDropsColumns) {
  auto dataset = Read().WithColumn("twice", Column("number") * Literal(2) + Literal(0));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  dataset = dataset->RenameColumns({{"name", "label"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  dataset = dataset->DropColumns({"number"});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  dataset = dataset->Limit(3);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const auto table = dataset->ToTable();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->schema()->field_names(), (std::vector<std::string>{"label", "twice"}));
  EXPECT_EQ((*(*table)->column(1)->GetScalar(2))->ToString(), "4");
}

TEST_F(ApiTest, TakesTablesAndRanges) {
  const auto table = Numbers(0, 10);
  const auto dataset = Dataset::FromTable(*context_, *table);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE((*dataset->ToTable())->Equals(*table));
  EXPECT_EQ(*Dataset::Range(*context_, 17, 3)->Count(), 17);
}

TEST_F(ApiTest, ShufflesAnewEachEpochAndTheSameInEveryIterator) {
  const Dataset shuffled = Read().RandomShuffle({.seed = 9, .reseed_after_execution = true});
  DataIterator iterator = shuffled.Iterator();
  const auto first = NextEpoch(&iterator);
  const auto second = NextEpoch(&iterator);
  EXPECT_NE(first, second);
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, AllNumbers());
  DataIterator again = shuffled.Iterator();
  EXPECT_EQ(NextEpoch(&again, {.batch_size = 7}), first);
  EXPECT_EQ(NextEpoch(&again, {.batch_size = 300}), second);
}

TEST_F(ApiTest, AFixedSeedRepeatsItsOrderAndAnUnsetOneDoesNot) {
  DataIterator fixed = Read().RandomShuffle({.seed = 9}).Iterator();
  const auto first = NextEpoch(&fixed);
  EXPECT_EQ(NextEpoch(&fixed), first);
  DataIterator drawn = Read().RandomShuffle().Iterator();
  EXPECT_NE(NextEpoch(&drawn), NextEpoch(&drawn));
}

TEST_F(ApiTest, ShufflesWithoutASeedDrawOneBelowOtherStagesToo) {
  const auto both = [&] { return *Read().RandomShuffle().Union({Read().RandomShuffle()}); };  // seeds of its own at each call
  DataIterator iterator = both().Iterator();
  const auto first = NextEpoch(&iterator);
  EXPECT_NE(std::vector<int64_t>(first.begin(), first.begin() + kRows), std::vector<int64_t>(first.begin() + kRows, first.end()));
  DataIterator other = both().Iterator();
  EXPECT_NE(NextEpoch(&other), first);
  auto batches = iterator.IterateBatches({.batch_size = 90});
  ASSERT_TRUE(batches.ok()) << batches.status();
  ASSERT_TRUE((*batches)->Next().ok());
  const std::string state = *iterator.StateJson();
  const auto rest = Joined(Drain(batches->get()));
  EXPECT_NE(rest, std::vector<int64_t>(first.begin() + 90, first.end()));
  DataIterator resumed = both().Iterator();
  ASSERT_TRUE(resumed.LoadStateJson(state).ok());
  EXPECT_EQ(NextEpoch(&resumed), rest);
  EXPECT_EQ(NextEpoch(&resumed), NextEpoch(&iterator));
}

TEST_F(ApiTest, AStateSavedAfterAnyBatchGivesTheRestThenTheNextEpoch) {
  const Dataset shuffled = Read().RandomShuffle();  // the drawn seed travels in the state
  DataIterator iterator = shuffled.Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 90, .prefetch_batches = 8});
  ASSERT_TRUE(batches.ok()) << batches.status();
  std::vector<std::string> states = {*iterator.StateJson()};
  std::vector<int64_t> whole;
  for (;;) {
    const auto batch = (*batches)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (*batch == nullptr) break;
    const auto& numbers = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
    whole.insert(whole.end(), numbers.raw_values(), numbers.raw_values() + numbers.length());
    states.push_back(*iterator.StateJson());
    EXPECT_LT(states.back().size(), 1024u);
  }
  const auto following = NextEpoch(&iterator);
  for (size_t step = 0; step < states.size(); ++step) {
    DataIterator resumed = shuffled.Iterator();
    ASSERT_TRUE(resumed.LoadStateJson(states[step]).ok());
    EXPECT_EQ(*resumed.StateJson(), states[step]);
    const auto rest = NextEpoch(&resumed, {.batch_size = 33});
    EXPECT_EQ(rest, std::vector<int64_t>(whole.begin() + std::min<size_t>(step * 90, kRows), whole.end())) << "after batch " << step;
    EXPECT_EQ(NextEpoch(&resumed), following);
  }
}

TEST_F(ApiTest, AStateSavedAfterTheEndOfAnEpochBeginsTheNext) {
  const Dataset shuffled = Read().RandomShuffle({.seed = 4, .reseed_after_execution = true});
  DataIterator iterator = shuffled.Iterator();
  NextEpoch(&iterator);
  DataIterator resumed = shuffled.Iterator();
  ASSERT_TRUE(resumed.LoadStateJson(*iterator.StateJson()).ok());
  EXPECT_EQ(NextEpoch(&resumed), NextEpoch(&iterator));
  EXPECT_EQ(resumed.epoch(), 1u);
}

TEST_F(ApiTest, RowsToSkipArePassedOver) {
  DataIterator whole = Read().RandomShuffle({.seed = 4}).Iterator();
  const auto order = NextEpoch(&whole);
  DataIterator iterator = Read().RandomShuffle({.seed = 4}).Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 100});
  ASSERT_TRUE((*batches)->Next().ok());
  std::string state = *iterator.StateJson();
  state.replace(state.find("\"skip\": 0"), 9, "\"skip\": 7");
  DataIterator resumed = Read().RandomShuffle({.seed = 4}).Iterator();
  ASSERT_TRUE(resumed.LoadStateJson(state).ok());
  EXPECT_EQ(NextEpoch(&resumed), std::vector<int64_t>(order.begin() + 107, order.end()));
}

TEST_F(ApiTest, APassThatWasFollowedByAnotherMovesThePositionNoMore) {
  DataIterator iterator = Read().Iterator();
  auto first = iterator.IterateBatches({.batch_size = 10});
  auto second = iterator.IterateBatches({.batch_size = 10});
  const auto before = *iterator.StateJson();
  ASSERT_TRUE((*first)->Next().ok());
  EXPECT_EQ(*iterator.StateJson(), before);
  EXPECT_EQ(iterator.epoch(), 1u);
  ASSERT_TRUE((*second)->Next().ok());
  EXPECT_NE(*iterator.StateJson(), before);
}

TEST_F(ApiTest, AStateOfAnotherPlanIsRefusedByTheNameOfWhatDiffers) {
  const auto refusal = [&](const Dataset& from, const Dataset& into) {
    DataIterator iterator = into.Iterator();
    const auto status = iterator.LoadStateJson(*from.Iterator().StateJson());
    EXPECT_TRUE(status.IsInvalid()) << status;
    return status.message();
  };
  const Dataset read = Read();
  const Dataset shuffled = read.RandomShuffle({.seed = 1});
  EXPECT_NE(refusal(shuffled, read.RandomShuffle({.seed = 2})).find("the seed was fixed 1 and is fixed 2"), std::string::npos);
  EXPECT_NE(refusal(shuffled, *shuffled.Limit(5)).find("the stages"), std::string::npos);
  std::filesystem::remove(directory_ + "/part-3.parquet");
  EXPECT_NE(refusal(shuffled, Read().RandomShuffle({.seed = 1})).find("the number of files was 4 and is 3"), std::string::npos);
}

TEST_F(ApiTest, TextThatIsNoStateIsRefused) {
  DataIterator iterator = Read().Iterator();
  const std::string good = *iterator.StateJson();
  for (const std::string& text : {std::string(), std::string("{}"), std::string("[1]"), good.substr(0, good.size() / 2), good + good,
                                 std::string("{\"version\": 2}"), std::string(100000, '[')}) {
    const auto status = iterator.LoadStateJson(text);
    EXPECT_TRUE(status.IsInvalid()) << text.substr(0, 200) << " gave " << status;
  }
  EXPECT_TRUE(iterator.LoadStateJson(good).ok());
}

TEST_F(ApiTest, AWrongColumnOrTypeIsReportedWhereItIsWritten) {
  const auto unknown = Read().Filter(Column("numbr") > Literal(3));
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.status().message().find("did you mean 'number'"), std::string::npos) << unknown.status();
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kUnknownColumn);
  EXPECT_EQ(KindOf(Read().Filter(Column("name") > Literal(3)).status()), ErrorKind::kType);
  EXPECT_EQ(KindOf(Dataset::ReadParquet(*context_, {"no/such/path"}).status()), ErrorKind::kFileNotFound);
}

TEST_F(ApiTest, SettingsThatMeanNothingAreRefused) {
  EXPECT_EQ(KindOf(Context::Make({.num_cpus = -1}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(Read().Iterator().IterateBatches({.batch_size = 0}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(Read().Limit(-1).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(Dataset::FromBatches(*context_, arrow::schema({}), {*Numbers(0, 1)->CombineChunksToBatch()}).status()), ErrorKind::kInvalidArgument);
}

TEST_F(ApiTest, AFailedStartLeavesTheIteratorWhereItStood) {
  DataIterator iterator = Read().Iterator();
  EXPECT_FALSE(iterator.IterateBatches({.batch_size = 0}).ok());
  EXPECT_EQ(NextEpoch(&iterator), AllNumbers());
  EXPECT_EQ(iterator.epoch(), 0u);
}

TEST_F(ApiTest, AnInterruptEndsTheWait) {
  DataIterator iterator = Read().RandomShuffle().Iterator();
  auto batches = iterator.IterateBatches();
  ASSERT_TRUE(batches.ok()) << batches.status();
  const auto batch = (*batches)->Next([] { return true; });
  // A batch that was ready already needs no wait.
  EXPECT_TRUE(batch.ok() || KindOf(batch.status()) == ErrorKind::kCancelled) << batch.status();
}

TEST_F(ApiTest, APassWithoutOrderHasAllRowsAndNoPosition) {
  DataIterator iterator = Read().Iterator();
  auto numbers = NextEpoch(&iterator, {.batch_size = 50, .preserve_order = false});
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, AllNumbers());
  EXPECT_TRUE(iterator.StateJson().ok());  // at its end
  auto batches = iterator.IterateBatches({.batch_size = 50, .preserve_order = false});
  ASSERT_TRUE((*batches)->Next().ok());
  EXPECT_EQ(KindOf(iterator.StateJson().status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(NextEpoch(&iterator), AllNumbers());
  EXPECT_TRUE(iterator.StateJson().ok());
}

TEST_F(ApiTest, TheStagesTellWhatTheyDid) {
  DataIterator iterator = Read().RandomShuffle().Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 64});
  ASSERT_TRUE(batches.ok()) << batches.status();
  Drain(batches->get());
  const auto reports = (*batches)->Statistics();
  ASSERT_GE(reports.size(), 2u);
  EXPECT_EQ(reports.front().rows, kRows);
  EXPECT_EQ(reports.back().rows, kRows);
}

TEST_F(ApiTest, BatchesOutliveEverythingTheyCameFrom) {
  std::shared_ptr<arrow::RecordBatch> batch;
  {
    DataIterator iterator = Read().RandomShuffle({.seed = 3}).Iterator();
    auto batches = iterator.IterateBatches({.batch_size = kRows});
    ASSERT_TRUE(batches.ok()) << batches.status();
    batch = *(*batches)->Next();
  }
  context_.reset();
  ASSERT_TRUE(batch->ValidateFull().ok());
  EXPECT_EQ(batch->num_rows(), kRows);
}

}  // namespace
}  // namespace millstream
