#include "udf/function_calls.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <future>

#include "testing/test_engine.h"

namespace millstream {
namespace {

std::shared_ptr<arrow::RecordBatch> Rows(int64_t rows) {
  return arrow::RecordBatch::Make(arrow::schema({}), rows, std::vector<std::shared_ptr<arrow::Array>>{});
}

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t rows) {
  const auto numbers = arrow::MakeArrayFromScalar(arrow::Int64Scalar(1), rows).ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), rows, {numbers});
}

StreamBatch Input(int64_t rows) {
  StreamBatch batch;
  batch.data = Rows(rows);
  batch.position = {0, rows};
  return batch;
}

class CallsTest : public ::testing::Test {
 protected:
  CallsTest() : ledger_(*Budget::Open(host_.engine()->budget(), "test", 1 << 20)) {
    std::vector<CalledFunction> functions{{"Test", [](uint32_t) { return std::string("rows"); }}};
    calls_ = std::make_shared<FunctionCalls>(host_.engine(), std::move(functions), std::move(ledger_), EpochKey{});
  }
  ~CallsTest() override { calls_->Close(); }

  /// Rows of the next result; -1 where it is to come, -2 at the end.
  int64_t Taken() {
    auto result = calls_->TryTakeResult([] {});
    if (!result.has_value()) return -1;
    if (*result == nullptr) return -2;
    int64_t rows = 0;
    for (const auto& batch : (*result)->batches) rows += batch->num_rows();
    return rows;
  }

  testing_support::TestEngine host_;
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<FunctionCalls> calls_;
};

TEST_F(CallsTest, PartsComeInOrderBeforeTheRestOfTheirCall) {
  calls_->Add(Input(1));
  calls_->Add(Input(1));
  calls_->End();
  EXPECT_TRUE(calls_->GivePart(1, {Rows(20)}));
  EXPECT_EQ(Taken(), -1);
  EXPECT_TRUE(calls_->GivePart(0, {Rows(10)}));
  EXPECT_TRUE(calls_->GivePart(0, {Rows(11)}));
  EXPECT_EQ(Taken(), 10);
  calls_->Give(0, RecordBatches{Rows(12)});
  EXPECT_EQ(Taken(), 11);
  EXPECT_EQ(Taken(), 12);
  EXPECT_EQ(Taken(), 20);
  EXPECT_EQ(Taken(), -1);
  calls_->Give(1, RecordBatches{});
  EXPECT_EQ(Taken(), 0);
  EXPECT_EQ(Taken(), -2);
}

TEST_F(CallsTest, AnErrorComesBehindTheParts) {
  calls_->Add(Input(1));
  EXPECT_TRUE(calls_->GivePart(0, {Rows(10)}));
  calls_->Give(0, MakeError(ErrorKind::kIo, "the disk"));
  EXPECT_EQ(Taken(), 10);
  EXPECT_EQ(KindOf((*calls_->TryTakeResult([] {}))->status), ErrorKind::kIo);
}

TEST_F(CallsTest, AThirdPartWaitsUntilOneIsTaken) {
  calls_->Add(Input(1));
  EXPECT_TRUE(calls_->GivePart(0, {Rows(1)}));
  EXPECT_TRUE(calls_->GivePart(0, {Rows(2)}));
  auto third = std::async(std::launch::async, [this] { return calls_->GivePart(0, {Rows(3)}); });
  EXPECT_EQ(Taken(), 1);
  EXPECT_TRUE(third.get());
  EXPECT_EQ(Taken(), 2);
  EXPECT_EQ(Taken(), 3);
}

TEST_F(CallsTest, PartsAheadKeepToWhatIsReservedAndTheOneThatIsWantedComes) {
  calls_->Add(Input(1));
  calls_->Add(Input(1));
  const auto large = Numbers(1 << 18);  // 2 MB, twice what is reserved
  auto ahead = std::async(std::launch::async, [&] { return calls_->GivePart(1, {large}); });
  EXPECT_TRUE(calls_->GivePart(0, {large}));
  EXPECT_EQ(Taken(), large->num_rows());
  calls_->Give(0, RecordBatches{});
  EXPECT_EQ(Taken(), 0);
  EXPECT_TRUE(ahead.get());
  EXPECT_EQ(Taken(), large->num_rows());
}

TEST_F(CallsTest, PartsOfWhatIsClosedAreNotWanted) {
  calls_->Add(Input(1));
  EXPECT_TRUE(calls_->GivePart(0, {Rows(1)}));
  EXPECT_TRUE(calls_->GivePart(0, {Rows(2)}));
  auto third = std::async(std::launch::async, [this] { return calls_->GivePart(0, {Rows(3)}); });
  calls_->Close();
  EXPECT_FALSE(third.get());
  EXPECT_FALSE(calls_->GivePart(0, {Rows(4)}));
}

SkippedErrors Skipped(int64_t first_row, int64_t last_row, int64_t errors_max) {
  return {{{first_row, last_row, 0, "ValueError: bad", "line 1"}}, errors_max, MakeError(ErrorKind::kInvalidArgument, "too many")};
}

TEST_F(CallsTest, LettersComeInTheOrderOfTheBatchesAndNameRowsOfTheSource) {
  StreamBatch second = Input(3);
  second.position = {0, 13};
  StreamBatch filtered = Input(2);
  filtered.position = {0, 20};
  calls_->Add(Input(10));
  calls_->Add(std::move(second));
  calls_->Add(std::move(filtered));
  calls_->Give(2, RecordBatches{Rows(1)}, nullptr, Skipped(1, 1, 5));
  calls_->Give(1, RecordBatches{}, nullptr, Skipped(-1, -1, 5));
  EXPECT_EQ(calls_->statistics().dead_letters.count(), 0);
  calls_->Give(0, RecordBatches{Rows(9)}, nullptr, Skipped(4, 4, 5));
  EXPECT_EQ(Taken(), 9);
  EXPECT_EQ(calls_->statistics().dead_letters.count(), 1);
  EXPECT_EQ(Taken(), 0);
  EXPECT_EQ(Taken(), 1);
  const auto letters = calls_->statistics().dead_letters.letters();
  ASSERT_EQ(letters.size(), 3);
  const std::vector<std::pair<int64_t, int64_t>> rows = {{4, 4}, {10, 12}, {13, 19}};
  for (size_t letter = 0; letter < rows.size(); ++letter) {
    EXPECT_EQ(std::pair(letters[letter].first_row, letters[letter].last_row), rows[letter]);
    EXPECT_EQ(letters[letter].source, "rows");
    EXPECT_EQ(letters[letter].traceback, letters[0].traceback);
  }
  EXPECT_EQ(calls_->statistics().dead_letters.rows(), 5);
}

TEST_F(CallsTest, TheErrorThatIsOneTooManyTakesThePlaceOfItsResult) {
  for (int call = 0; call < 3; ++call) calls_->Add(Input(2));
  calls_->Give(2, RecordBatches{Rows(1)}, nullptr, Skipped(0, 0, 1));
  calls_->Give(1, RecordBatches{Rows(1)}, nullptr, Skipped(0, 0, 1));
  calls_->Give(0, RecordBatches{Rows(1)}, nullptr, Skipped(0, 0, 1));
  EXPECT_EQ(Taken(), 1);
  EXPECT_EQ((*calls_->TryTakeResult([] {}))->status.message(), "too many");
  EXPECT_EQ(calls_->statistics().dead_letters.count(), 2);
}

TEST_F(CallsTest, AnErrorThatIsNotSkippedKeepsTheLettersBeforeIt) {
  calls_->Add(Input(2));
  calls_->Give(0, MakeError(ErrorKind::kIo, "the disk"), nullptr, Skipped(0, 0, -1));
  EXPECT_EQ(KindOf((*calls_->TryTakeResult([] {}))->status), ErrorKind::kIo);
  EXPECT_EQ(calls_->statistics().dead_letters.count(), 1);
}

TEST_F(CallsTest, WhatIsGivenAfterACallHasFailedLeavesNoLetters) {
  calls_->Add(Input(2));
  calls_->Give(0, MakeError(ErrorKind::kIo, "too late"));
  calls_->Give(0, RecordBatches{Rows(1)}, nullptr, Skipped(0, 0, -1));
  EXPECT_EQ(KindOf((*calls_->TryTakeResult([] {}))->status), ErrorKind::kIo);
  EXPECT_EQ(calls_->statistics().dead_letters.count(), 0);
}

}  // namespace
}  // namespace millstream
