/// Epoch after epoch through Passes: prepared, made from rows that were kept, or read again, each is the one that it would have been.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "testing/batch_generator.h"
#include "testing/oracle_tables.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

struct Data {
  std::shared_ptr<arrow::Schema> schema;
  Batches batches;
  PlanPtr plan() const { return ShufflePlanNode(TablePlan(schema, batches), SeedKind::kUnset, 0); }
};

Data EveryTypeData() {
  std::mt19937_64 random(TestSeed());
  const auto schema = EverySchema();
  return {schema, RandomBatches(schema, &random, 150)};
}

/// About 8 MB in columns of several layouts.
Data LargeData() {
  Data data{arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::float64()), arrow::field("s", arrow::utf8()),
                           arrow::field("l", arrow::list(arrow::int32())), arrow::field("w", arrow::fixed_size_binary(40))}), {}};
  for (uint64_t batch = 0; batch < 15; ++batch) {
    data.batches.push_back(RandomBatch(data.schema, {.rows = 4000, .null_share = 0.1, .seed = TestSeed() + batch}));
  }
  return data;
}

ExecuteOptions EpochOptions(uint64_t epoch) {
  ExecuteOptions options;
  options.seed = 12;
  options.epoch = epoch;
  options.batch_rows = HostileSwitches::FromEnvironment().one_row ? 1 : 700;
  return options;
}

std::string FirstStage(const BatchStream& stream) { return stream.stages().front()->name; }

/// Runs three epochs and says where the rows of each came from.
std::vector<std::string> ExpectEpochs(const Data& data, TestEngineOptions options) {
  std::vector<std::string> inputs;
  TestEngine host(options);
  {
    Passes passes(host.engine(), data.plan());
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      SCOPED_TRACE("epoch " + std::to_string(epoch) + ", limit " + std::to_string(options.memory_limit_bytes));
      auto stream = passes.Open(EpochOptions(epoch), epoch < 2 ? NextPass::kExpected : NextPass::kNone);
      EXPECT_TRUE(stream.ok()) << stream.status();
      if (!stream.ok()) return inputs;
      auto run = DrainStream(**stream);
      EXPECT_TRUE(run.ok()) << run.status();
      if (run.ok()) ExpectSameRows(run->rows, PlainShuffle(Identify(data.batches), 12, epoch));
      inputs.push_back(FirstStage(**stream));
    }
  }
  EXPECT_EQ(host.Leftovers(), "");
  return inputs;
}

using testing::ElementsAre;

bool Hostile() { return std::getenv("MILLSTREAM_HOSTILE") != nullptr; }

/// Hostile switches change where rows come from, never which.
template <typename Matcher>
void ExpectInputs(const std::vector<std::string>& inputs, const Matcher& matcher) {
  if (Hostile()) return;
  EXPECT_THAT(inputs, matcher);
}

TEST(Passes, RowsOfEveryTypeAreKeptDecodedForTheNextEpoch) {
  SCOPED_TRACE(ReplayNote());
  const Data data = EveryTypeData();
  for (const bool random_block : {false, true}) {
    const auto inputs = ExpectEpochs(data, {.lanes = 2, .random_block = random_block, .seed = TestSeed()});
    ExpectInputs(inputs, ElementsAre("FromArrow", "KeptRows", "KeptRows"));
  }
}

TEST(Passes, WhereMemoryHoldsOneEpochItsRowsBecomeTheNext) {
  SCOPED_TRACE(ReplayNote());
  const auto inputs = ExpectEpochs(LargeData(), {.lanes = 2, .memory_limit_bytes = 40 << 20});
  ExpectInputs(inputs, ElementsAre("FromArrow", "KeptRows", "KeptRows"));
}

TEST(Passes, WhatMemoryCannotHoldIsReadAgain) {
  SCOPED_TRACE(ReplayNote());
  const auto inputs = ExpectEpochs(LargeData(), {.lanes = 2, .memory_limit_bytes = 10 << 20});
  ExpectInputs(inputs, ElementsAre("FromArrow", "FromArrow", "FromArrow"));
}

TEST(Passes, WhatWasSpilledIsReadAgain) {
  SCOPED_TRACE(ReplayNote());
  for (const bool two_passes : {false, true}) {
    const auto inputs = ExpectEpochs(LargeData(), {.lanes = 2, .always_spill = !two_passes, .always_two_passes = two_passes});
    ExpectInputs(inputs, ElementsAre("FromArrow", "FromArrow", "FromArrow"));
  }
}

TEST(Passes, RowsOfEveryTypeAreKeptOnDiskWhereMemoryHasNoRoom) {
  SCOPED_TRACE(ReplayNote());
  for (const Data& data : {EveryTypeData(), LargeData()}) {
    for (const bool two_passes : {false, true}) {
      for (const bool random_block : {false, true}) {
        const auto inputs = ExpectEpochs(data, {.lanes = 2, .memory_limit_bytes = 64 << 20, .always_two_passes = two_passes, .always_keep_on_disk = true,
                                                .random_block = random_block, .seed = TestSeed()});
        ExpectInputs(inputs, ElementsAre("FromArrow", "KeptRows", "KeptRows"));
      }
    }
  }
}

TEST(Passes, AnEpochLeftEarlyServesTheNextOneWhereItsRowsWereComplete) {
  SCOPED_TRACE(ReplayNote());
  const Data data = LargeData();
  for (const int64_t limit : {int64_t{40} << 20, int64_t{256} << 20}) {
    TestEngine host({.lanes = 2, .memory_limit_bytes = limit});
    {
      Passes passes(host.engine(), data.plan());
      for (uint64_t epoch = 0; epoch < 4; ++epoch) {
        auto stream = *passes.Open(EpochOptions(epoch), NextPass::kExpected);
        if (epoch % 2 == 1) {
          ASSERT_TRUE(stream->Next(nullptr).ok());  // all rows have been moved by now
          continue;
        }
        auto run = DrainStream(*stream);
        ASSERT_TRUE(run.ok()) << run.status();
        ExpectSameRows(run->rows, PlainShuffle(Identify(data.batches), 12, epoch));
      }
    }
    EXPECT_EQ(host.Leftovers(), "");
  }
}

TEST(Passes, AStreamThatIsStillOpenSharesItsRowsWithTheNext) {
  SCOPED_TRACE(ReplayNote());
  const Data data = EveryTypeData();
  TestEngine host;
  {
    Passes passes(host.engine(), data.plan());
    auto first = *passes.Open(EpochOptions(0), NextPass::kExpected);
    ASSERT_TRUE(first->Next(nullptr).ok());
    auto second = *passes.Open(EpochOptions(1), NextPass::kExpected);
    passes.Close();
    ExpectSameRows(DrainStream(*second)->rows, PlainShuffle(Identify(data.batches), 12, 1));
    ASSERT_TRUE(DrainStream(*first).ok());
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(Passes, WhileAConsumerTakesItsTimeTheNextEpochIsPrepared) {
  if (Hostile()) GTEST_SKIP() << "of memory without hostile switches";
  SCOPED_TRACE(ReplayNote());
  const Data data = LargeData();
  TestEngine host({.lanes = 2, .memory_limit_bytes = 96 << 20});
  {
    Passes passes(host.engine(), data.plan());
    auto stream = *passes.Open(EpochOptions(0), NextPass::kExpected);
    ASSERT_TRUE(stream->Next(nullptr).ok());
    const auto budget = host.engine()->budget();
    const int64_t at_first = budget->used_bytes();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    int batches = 0;
    while (budget->used_bytes() < at_first + (6 << 20) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (batches++ < 60) {
        ASSERT_TRUE(stream->Next(nullptr).ok());
      }
    }
    EXPECT_GE(budget->used_bytes(), at_first + (6 << 20)) << "no second copy of the rows was made";
    ASSERT_TRUE(DrainStream(*stream).ok());
    ExpectSameRows(DrainStream(**passes.Open(EpochOptions(1), NextPass::kExpected))->rows, PlainShuffle(Identify(data.batches), 12, 1));
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(Passes, AnotherExecutionGetsTheMemoryThatWasHeldForLater) {
  SCOPED_TRACE(ReplayNote());
  const Data data = LargeData();
  TestEngine host({.lanes = 2, .memory_limit_bytes = 40 << 20});
  {
    Passes passes(host.engine(), data.plan());
    ASSERT_TRUE(DrainStream(**passes.Open(EpochOptions(0), NextPass::kExpected)).ok());
    const int64_t kept = host.engine()->budget()->used_bytes();
    EXPECT_GT(kept, Hostile() ? -1 : 4 << 20);
    auto other = RunPlan(host.engine(), data.plan(), EpochOptions(5));
    ASSERT_TRUE(other.ok()) << other.status();
    ExpectSameRows(other->rows, PlainShuffle(Identify(data.batches), 12, 5));
    ExpectSameRows(DrainStream(**passes.Open(EpochOptions(1), NextPass::kExpected))->rows, PlainShuffle(Identify(data.batches), 12, 1));
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(Passes, AResumeIsMadeFromKeptRowsToo) {
  SCOPED_TRACE(ReplayNote());
  const Data data = EveryTypeData();
  TestEngine host;
  const auto whole = *RunPlan(host.engine(), data.plan(), EpochOptions(1));
  Passes passes(host.engine(), data.plan());
  ASSERT_TRUE(DrainStream(**passes.Open(EpochOptions(0), NextPass::kExpected)).ok());
  if (whole.positions.empty()) return;
  ExecuteOptions rest = EpochOptions(1);
  rest.has_resume = true;
  rest.resume = whole.positions.front();
  auto run = DrainStream(**passes.Open(rest, NextPass::kExpected));
  ASSERT_TRUE(run.ok()) << run.status();
  ExpectSameRows(run->rows, {whole.rows.begin() + whole.batch_rows.front(), whole.rows.end()});
  // What a resume dropped is missing from its rows: the next epoch must not be made of them.
  ExpectSameRows(DrainStream(**passes.Open(EpochOptions(2), NextPass::kNone))->rows, PlainShuffle(Identify(data.batches), 12, 2));
}

TEST(Passes, StagesMayBeReadWhileAnotherThreadTakesBatchesAndCloses) {
  const Data data = EveryTypeData();
  TestEngine host({.memory_limit_bytes = 64 << 20});
  for (const PlanPtr& plan : {TablePlan(data.schema, data.batches), data.plan()}) {
    Passes passes(host.engine(), plan);
    for (uint64_t epoch = 0; epoch < 4; ++epoch) {
      auto stream = *passes.Open(EpochOptions(epoch), NextPass::kExpected);
      std::atomic<bool> ended{false};
      std::thread reader([&] {
        do {
          for (const StageStatistics* stage : stream->stages()) EXPECT_GE(stage->peak_memory_bytes, 0);
        } while (!ended);
      });
      const auto run = DrainStream(*stream);
      stream->Close();
      ended = true;
      reader.join();
      ASSERT_TRUE(run.ok()) << run.status();
      EXPECT_EQ(stream->stages().back()->rows, static_cast<int64_t>(run->rows.size()));
    }
  }
}

}  // namespace
}  // namespace millstream
