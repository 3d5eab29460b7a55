/// C++ functions on batches: what they are given, the order of what they give, their errors, and how they end.

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "api/test_rows.h"

namespace millstream {
namespace {

using BatchFunctionsTest = ApiTest;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

const arrow::Int64Array& NumbersOf(const BatchPtr& batch) { return static_cast<const arrow::Int64Array&>(*batch->column(0)); }

arrow::Result<BatchPtr> Doubled(const BatchPtr& batch, const CallContext&) {
  std::vector<std::optional<int64_t>> doubled;
  for (int64_t row = 0; row < batch->num_rows(); ++row) doubled.push_back(2 * NumbersOf(batch).Value(row));
  return batch->SetColumn(0, arrow::field("number", arrow::int64()), Integers(doubled));
}

arrow::Result<BatchPtr> Same(const BatchPtr& batch, const CallContext&) { return batch; }

TEST_F(BatchFunctionsTest, ResultsComeInTheOrderOfTheirBatches) {
  std::vector<int64_t> expected;
  for (int64_t number = 0; number < kRows; ++number) expected.push_back(2 * number);
  for (const int concurrency : {0, 1, 2, 64}) {
    const auto doubled = Read().MapBatches(Doubled, {.batch_size = 37, .concurrency = concurrency, .name = "Doubled"});
    EXPECT_EQ(ValuesOf(doubled, "number"), expected);
    EXPECT_EQ(doubled->schema(), nullptr);
    EXPECT_EQ((*doubled->FetchSchema())->field_names(), (std::vector<std::string>{"number", "name"}));
    EXPECT_EQ(*doubled->Count(), kRows);
  }
}

TEST_F(BatchFunctionsTest, BatchesAreCutByFileAndSizeAndSayWhatTheyAre) {
  std::vector<std::string> seen;
  const auto noted = Read().MapBatches(
      [&](const BatchPtr& batch, const CallContext& call) -> arrow::Result<BatchPtr> {
        EXPECT_EQ(call.number, static_cast<int64_t>(seen.size()));
        EXPECT_FALSE(call.cancelled());
        seen.push_back(std::to_string(batch->num_rows()) + ": " + call.rows);
        return batch;
      },
      {.batch_size = 100});
  ASSERT_EQ(*noted->Count(), kRows);
  ASSERT_EQ(seen.size(), 12u);  // 100, 100 and 50 of each of four files
  EXPECT_EQ(seen[5], "50: rows 200 to 249 of " + directory_ + "/part-1.parquet");
}

TEST_F(BatchFunctionsTest, RandomSeedsDifferByCallAndRepeatWithThePass) {
  const auto seeds = [&](uint64_t seed) {
    std::vector<uint64_t> drawn;
    const auto noted = Read().RandomShuffle({.seed = seed}).MapBatches(
        [&](const BatchPtr& batch, const CallContext& call) -> arrow::Result<BatchPtr> {
          drawn.push_back(call.random_seed);
          return batch;
        },
        {.batch_size = 100});
    EXPECT_TRUE(noted->Count().ok());
    return drawn;
  };
  const auto drawn = seeds(3);
  EXPECT_EQ(std::set<uint64_t>(drawn.begin(), drawn.end()).size(), 10u);
  EXPECT_EQ(seeds(3), drawn);
}

TEST_F(BatchFunctionsTest, OneBatchMayGiveNoneOrSeveral) {
  const auto parts = Read().FlatMapBatches(
      [](const BatchPtr& batch, const CallContext& call) -> arrow::Result<RecordBatches> {
        if (call.number % 2 == 1) return RecordBatches{};
        return RecordBatches{batch->Slice(0, 1), batch->Slice(0, 0), batch->Slice(5, 2)};
      },
      {.batch_size = 50});
  const auto numbers = ValuesOf(parts, "number");
  ASSERT_EQ(numbers.size(), 30u);
  EXPECT_EQ(std::vector<int64_t>(numbers.begin(), numbers.begin() + 6), (std::vector<int64_t>{0, 5, 6, 100, 105, 106}));
}

TEST_F(BatchFunctionsTest, NarrowResultsAreBroughtToTheSchemaOfTheFirst) {
  const auto nulls_first = Read().MapBatches(
      [](const BatchPtr& batch, const CallContext& call) -> arrow::Result<BatchPtr> {
        std::shared_ptr<arrow::Array> column = std::make_shared<arrow::NullArray>(batch->num_rows());
        if (call.number > 0) column = *arrow::MakeArrayFromScalar(arrow::Int64Scalar(7), batch->num_rows());
        return arrow::RecordBatch::Make(arrow::schema({arrow::field("x", column->type())}), batch->num_rows(), {column});
      },
      {.batch_size = 250});
  EXPECT_EQ((*nulls_first->FetchSchema())->field(0)->type()->id(), arrow::Type::INT64);
  const auto wrong = Read().MapBatches(
      [](const BatchPtr& batch, const CallContext& call) -> arrow::Result<BatchPtr> {
        return call.number == 0 ? batch->SelectColumns({0}) : batch->RenameColumns({"other", "name"});
      },
      {.batch_size = 250, .name = "wrong"});
  EXPECT_HAS(Refusal(wrong->ToTable(), ErrorKind::kType), "MapBatches(wrong)");
}

TEST_F(BatchFunctionsTest, StagesAboveAFunctionFindTheirColumnsWhenItHasRun) {
  const auto mapped = Read().MapBatches(Same, {.batch_size = 64});
  const auto told = mapped->WithColumn("rest", Column("number") % Literal(3))->Filter(Column("rest") == Literal(1))->DropColumns({"name"});
  const auto renamed = told->RenameColumns({{"rest", "left"}})->Sort({{.key = -Column("number")}})->Limit(2);
  EXPECT_EQ(LinesOf(renamed), (Lines{"997|1", "994|1"}));
  const auto unknown = mapped->SelectColumns({"numbr"});
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_HAS(Refusal(unknown->ToTable(), ErrorKind::kUnknownColumn), "did you mean 'number'");
}

TEST_F(BatchFunctionsTest, AnErrorKeepsItsKindAndNamesStageAndRows) {
  const auto failing = Read().MapBatches(
      [](const BatchPtr& batch, const CallContext&) -> arrow::Result<BatchPtr> {
        if (NumbersOf(batch).Value(0) == 600) return arrow::Status::TypeError("six hundred");
        return batch;
      },
      {.batch_size = 50, .concurrency = 2, .name = "picky"});
  DataIterator iterator = failing->Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 50});
  ASSERT_TRUE(batches.ok()) << batches.status();
  for (int64_t row = 0; row < 600; row += 50) {  // what was made before comes first
    const auto batch = (*batches)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    EXPECT_EQ(NumbersOf(*batch).Value(0), row);
  }
  const auto message = Refusal((*batches)->Next(), ErrorKind::kType);
  EXPECT_EQ(message, "MapBatches(picky): the function failed, on rows 100 to 149 of " + directory_ + "/part-2.parquet: six hundred");
}

TEST_F(BatchFunctionsTest, ExceptionsAndNonsenseAreErrors) {
  const auto failing = [&](MapFunction function) { return Read().MapBatches(std::move(function), {.name = "f"})->ToTable(); };
  EXPECT_HAS(Refusal(failing([](const BatchPtr&, const CallContext&) -> arrow::Result<BatchPtr> { throw std::out_of_range("too far"); }), ErrorKind::kOther),
             "it threw an exception: too far");
  EXPECT_HAS(Refusal(failing([](const BatchPtr&, const CallContext&) -> arrow::Result<BatchPtr> { throw 3; }), ErrorKind::kOther), "no std::exception");
  EXPECT_HAS(Refusal(failing([](const BatchPtr&, const CallContext&) -> arrow::Result<BatchPtr> { throw std::bad_alloc(); }), ErrorKind::kBudget), "memory");
  EXPECT_HAS(Refusal(failing([](const BatchPtr&, const CallContext&) -> arrow::Result<BatchPtr> { return BatchPtr(); }), ErrorKind::kInvalidArgument), "null pointer");
  const auto ragged = [](const BatchPtr& batch, const CallContext&) -> arrow::Result<BatchPtr> {
    return arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::int64())}), batch->num_rows() + 1, {batch->column(0)});
  };
  EXPECT_HAS(Refusal(failing(ragged), ErrorKind::kInvalidArgument), "not valid Arrow data");
}

TEST_F(BatchFunctionsTest, OptionsThatMeanNothingAreRefused) {
  Refusal(Read().MapBatches(Same, {.batch_size = -1}), ErrorKind::kInvalidArgument);
  Refusal(Read().MapBatches(Same, {.concurrency = -1}), ErrorKind::kInvalidArgument);
  EXPECT_HAS(Refusal(Read().MapBatches(nullptr), ErrorKind::kInvalidArgument), "needs a function");
  EXPECT_HAS(Refusal(Read().GroupBy({"name"}).MapGroups(Same, {.batch_size = 3}), ErrorKind::kInvalidArgument), "leave batch_size out");
}

TEST_F(BatchFunctionsTest, OneFunctionServesAllCalls) {
  auto state = std::make_shared<std::atomic<int64_t>>(0);
  {
    const auto counted = Read().MapBatches(
        [state](const BatchPtr& batch, const CallContext&) -> arrow::Result<BatchPtr> {
          *state += batch->num_rows();
          return batch;
        },
        {.batch_size = 10, .concurrency = 0});
    EXPECT_EQ(*counted->Count(), kRows);
  }
  EXPECT_EQ(state->load(), kRows);
  EXPECT_EQ(state.use_count(), 1);
}

TEST_F(BatchFunctionsTest, CallsUnderWayAreAsManyAsAskedFor) {
  for (const int concurrency : {1, 2}) {
    std::atomic<int> now{0}, most{0};
    const auto counted = Read().MapBatches(
        [&](const BatchPtr& batch, const CallContext&) -> arrow::Result<BatchPtr> {
          const int running = ++now;
          for (int seen = most; running > seen && !most.compare_exchange_weak(seen, running);) {
          }
          std::this_thread::yield();
          --now;
          return batch;
        },
        {.batch_size = 5, .concurrency = concurrency});
    ASSERT_EQ(*counted->Count(), kRows);
    EXPECT_LE(most, concurrency);
  }
}

TEST_F(BatchFunctionsTest, ClosingAPassWaitsForTheCallUnderWayAndLeavesNothing) {
  std::mutex mutex;
  std::condition_variable changed;
  bool entered = false;
  std::atomic<bool> inside{false};
  const auto endless = Read().MapBatches(
      [&](const BatchPtr& batch, const CallContext& call) -> arrow::Result<BatchPtr> {
        inside = true;
        {
          std::lock_guard lock(mutex);
          entered = true;
        }
        changed.notify_all();
        while (!call.cancelled()) std::this_thread::yield();
        inside = false;
        return batch;
      },
      {.batch_size = 10});
  DataIterator iterator = endless->Iterator();
  {
    auto batches = iterator.IterateBatches();
    ASSERT_TRUE(batches.ok()) << batches.status();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entered; });
    lock.unlock();
    (*batches)->Close();
    EXPECT_FALSE(inside);
  }
  EXPECT_EQ(context_->memory_used(), 0);
}

TEST_F(BatchFunctionsTest, AStateIsTakenUpAboveAFunction) {
  const auto mapped = Read().RandomShuffle({.seed = 5}).MapBatches(Doubled, {.batch_size = 30, .name = "Doubled"});
  const auto whole = ValuesOf(mapped, "number");
  DataIterator iterator = mapped->Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 130});
  ASSERT_TRUE((*batches)->Next().ok());
  ASSERT_TRUE((*batches)->Next().ok());
  DataIterator resumed = mapped->Iterator();
  ASSERT_TRUE(resumed.LoadStateJson(*iterator.StateJson()).ok());
  auto rest = resumed.IterateBatches({.batch_size = kRows});
  ASSERT_TRUE(rest.ok()) << rest.status();
  const auto batch = (*rest)->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(std::vector<int64_t>(NumbersOf(*batch).raw_values(), NumbersOf(*batch).raw_values() + (*batch)->num_rows()),
            std::vector<int64_t>(whole.begin() + 260, whole.end()));
}

/// Functions and expressions above each other, each handed to `between` first, and what each call of a function was told.
struct Chain {
  std::mutex mutex;
  std::map<std::string, std::string> told;

  MapFunction Noting(const std::string& name, MapFunction function) {
    return [this, name, function = std::move(function)](const BatchPtr& batch, const CallContext& call) {
      {
        std::lock_guard lock(mutex);
        told[name + " " + std::to_string(call.number)] = std::to_string(batch->num_rows()) + " " + call.rows + " " + std::to_string(call.random_seed);
      }
      return function(batch, call);
    };
  }
  arrow::Result<Dataset> On(const Dataset& rows, int concurrency, const std::function<arrow::Result<Dataset>(const Dataset&)>& between) {
    const MapFunction first_half = [](const BatchPtr& batch, const CallContext&) -> arrow::Result<BatchPtr> { return batch->Slice(0, batch->num_rows() / 2); };
    ARROW_ASSIGN_OR_RAISE(auto chain, rows.MapBatches(Noting("half", first_half), {.batch_size = 40, .concurrency = concurrency, .name = "half"}));
    ARROW_ASSIGN_OR_RAISE(chain, between(chain));
    ARROW_ASSIGN_OR_RAISE(chain, chain.Filter(Column("number") % Literal(7) != Literal(0)));
    ARROW_ASSIGN_OR_RAISE(chain, between(chain));
    ARROW_ASSIGN_OR_RAISE(chain, chain.RandomSample(0.7, {.seed = 5}));
    ARROW_ASSIGN_OR_RAISE(chain, between(chain));
    ARROW_ASSIGN_OR_RAISE(chain, chain.MapBatches(Noting("doubled", Doubled), {.concurrency = concurrency, .name = "doubled"}));
    ARROW_ASSIGN_OR_RAISE(chain, between(chain));
    return chain.MapBatches(Noting("same", Same), {.concurrency = concurrency, .name = "same"});
  }
};

TEST_F(BatchFunctionsTest, FunctionsOfOneStageAreToldAndGiveWhatTheyAreApart) {
  for (const int concurrency : {0, 1}) {
    Chain together, apart;
    const auto fused = together.On(Read().RandomShuffle({.seed = 2}), concurrency, [](const Dataset& rows) { return rows; });
    const auto cut = apart.On(Read().RandomShuffle({.seed = 2}), concurrency, [](const Dataset& rows) { return rows.Limit(int64_t{1} << 40); });
    ASSERT_TRUE(fused.ok()) << fused.status();
    EXPECT_HAS(*fused->Explain(), "MapBatches(half)->Filter->RandomSample->MapBatches(doubled)->MapBatches(same): batches of 40 rows");
    EXPECT_EQ(cut->Explain()->find("->"), std::string::npos);
    EXPECT_EQ(ValuesOf(fused, "number"), ValuesOf(cut, "number"));
    EXPECT_GT(ValuesOf(fused, "number").size(), 200u);
    EXPECT_EQ(together.told, apart.told);
    EXPECT_EQ(together.told.size(), 75u);
  }
}

TEST_F(BatchFunctionsTest, AnErrorOfOneStagesFunctionNamesItAndItsRows) {
  const MapFunction picky = [](const BatchPtr& batch, const CallContext&) -> arrow::Result<BatchPtr> {
    if (NumbersOf(batch).Value(0) == 1200) return arrow::Status::TypeError("twelve hundred");
    return batch;
  };
  const auto doubled = Read().MapBatches(Doubled, {.batch_size = 50, .name = "doubled"});
  const auto failing = doubled->MapBatches(picky, {.name = "picky"})->MapBatches(Same);
  DataIterator iterator = failing->Iterator();
  auto batches = iterator.IterateBatches({.batch_size = 50});
  ASSERT_TRUE(batches.ok()) << batches.status();
  for (int64_t row = 0; row < 600; row += 50) ASSERT_TRUE((*batches)->Next().ok());
  EXPECT_EQ(Refusal((*batches)->Next(), ErrorKind::kType),
            "MapBatches(picky): the function failed, on rows 100 to 149 of the output of MapBatches(doubled): twelve hundred");
}

TEST_F(BatchFunctionsTest, LittleMemoryChangesNothing) {
  auto small = Context::Make({.num_cpus = 2, .memory_limit = 24 << 20});
  ASSERT_TRUE(small.ok()) << small.status();
  const auto sum = Dataset::Range(*small, 3'000'000, 30)->MapBatches(Same, {.concurrency = 2})->RandomShuffle({.seed = 1}).Sum("id");
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_EQ((*sum)->ToString(), std::to_string(int64_t{3'000'000} * 2'999'999 / 2));
}

}  // namespace
}  // namespace millstream
