#include "udf/function_chain.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include "testing/test_engine.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

std::shared_ptr<arrow::RecordBatch> Numbers(const std::vector<int64_t>& numbers) {
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(numbers).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), static_cast<int64_t>(numbers.size()), {*builder.Finish()});
}

std::shared_ptr<arrow::RecordBatch> Nulls(int64_t rows) {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::null())}), rows, {std::make_shared<arrow::NullArray>(rows)});
}

std::vector<int64_t> ValuesOf(const arrow::RecordBatch& batch) {
  const auto& column = static_cast<const arrow::Int64Array&>(*batch.column(0));
  std::vector<int64_t> values;
  for (int64_t row = 0; row < column.length(); ++row) values.push_back(column.IsNull(row) ? -1 : column.Value(row));
  return values;
}

std::shared_ptr<const BatchFunction> InTurn(std::string name, std::function<Result<RecordBatches>(const FunctionCall&)> function) {
  return MakeUserFunction(std::move(name), [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) { return function(call); }, 1);
}

/// One that any number of servers may call at one time.
std::shared_ptr<const BatchFunction> Free(std::string name, std::function<Result<RecordBatches>(const FunctionCall&)> function) {
  return MakeUserFunction(std::move(name), [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) { return function(call); }, 0);
}

Result<RecordBatches> Same(const FunctionCall& call) { return RecordBatches{call.batch}; }

class ChainTest : public ::testing::Test {
 protected:
  void Open(const BatchFunctions& functions) {
    std::vector<CalledFunction> called;
    for (const auto& function : functions) called.push_back({function->name(), [name = function->name()](uint32_t) { return "what " + name + " gets"; }});
    calls_ = std::make_shared<FunctionCalls>(host_.engine(), std::move(called), *Budget::Open(host_.engine()->budget(), "test", 1 << 20), EpochKey{});
    chain_ = *FunctionChain::Make(calls_, functions);
  }
  ~ChainTest() override {
    if (calls_ != nullptr) calls_->Close();
  }

  void Add(const std::shared_ptr<arrow::RecordBatch>& data) {
    StreamBatch batch;
    batch.data = data;
    batch.position = {0, rows_added_ += data->num_rows()};
    calls_->Add(std::move(batch));
  }
  void RunAll() {
    while (auto work = chain_->TryTake()) chain_->Run(std::move(work), nullptr);
  }
  /// What comes next: batches as their values, errors as their text; "…" where it is to come.
  std::string Next() {
    auto result = calls_->TryTakeResult([] {});
    if (!result.has_value()) return "…";
    if (*result == nullptr) return "end";
    if (!(*result)->status.ok()) return (*result)->status.message();
    std::string text;
    for (const auto& batch : (*result)->batches) text += testing::PrintToString(ValuesOf(*batch));
    return text;
  }

  testing_support::TestEngine host_;
  std::shared_ptr<FunctionCalls> calls_;
  std::shared_ptr<FunctionChain> chain_;
  int64_t rows_added_ = 0;
};

TEST_F(ChainTest, EachFunctionIsGivenWhatTheOneBelowItGives) {
  std::vector<std::string> seen;
  const auto note = [&](const FunctionCall& call, const FunctionCalls& calls) -> Result<RecordBatches> {
    seen.push_back(std::to_string(call.number) + ": " + calls.Origin(call));
    return RecordBatches{call.batch};
  };
  const auto halves = [](const FunctionCall& call) -> Result<RecordBatches> {
    return RecordBatches{call.batch->Slice(0, 1), call.batch->Slice(0, 0), call.batch->Slice(1)};
  };
  Open({InTurn("Halves", halves), MakeUserFunction("Note", note, 1)});
  Add(Numbers({1, 2, 3}));
  Add(Numbers({4, 5}));
  RunAll();
  EXPECT_EQ(Next(), "{ 1 }{ 2, 3 }");
  EXPECT_EQ(Next(), "{ 4 }{ 5 }");
  EXPECT_EQ(seen, (std::vector<std::string>{"0: rows 0 to 0 of what Note gets", "1: rows 1 to 2 of what Note gets", "2: rows 3 to 3 of what Note gets",
                                            "3: rows 4 to 4 of what Note gets"}));
  EXPECT_EQ(calls_->statistics(0).rows, 5);
}

TEST_F(ChainTest, WorkOutOfTurnIsLaidAsideForWhoeverPassesBeforeIt) {
  std::vector<int64_t> begins;
  const auto note = [&](const FunctionCall& call) -> Result<RecordBatches> {
    begins.push_back(call.begin_row);
    return RecordBatches{call.batch};
  };
  Open({Free("First", Same), InTurn("Note", note)});
  for (int64_t number = 0; number < 3; ++number) Add(Numbers({number, number}));
  auto first = chain_->TryTake();
  auto second = chain_->TryTake();
  auto third = chain_->TryTake();
  chain_->Run(std::move(third), nullptr);
  chain_->Run(std::move(second), nullptr);
  EXPECT_EQ(chain_->TryTake(), nullptr);
  EXPECT_TRUE(begins.empty());
  chain_->Run(std::move(first), nullptr);
  EXPECT_EQ(begins, (std::vector<int64_t>{0}));
  RunAll();
  EXPECT_EQ(begins, (std::vector<int64_t>{0, 2, 4}));
  for (const char* expected : {"{ 0, 0 }", "{ 1, 1 }", "{ 2, 2 }", "…"}) EXPECT_EQ(Next(), expected);
}

TEST_F(ChainTest, RowsThatWereMadeBeforeAnErrorComeFirst) {
  const auto halves = [](const FunctionCall& call) -> Result<RecordBatches> { return RecordBatches{call.batch->Slice(0, 1), call.batch->Slice(1)}; };
  const auto fail_on_two = [](const FunctionCall& call) -> Result<RecordBatches> {
    if (ValuesOf(*call.batch)[0] == 2) return MakeError(ErrorKind::kIo, "two");
    return RecordBatches{call.batch};
  };
  Open({InTurn("Halves", halves), InTurn("Fail", fail_on_two), InTurn("Same", Same)});
  Add(Numbers({1, 2}));
  RunAll();
  EXPECT_EQ(Next(), "{ 1 }");
  EXPECT_EQ(Next(), "Fail: the function failed, on rows 1 to 1 of what Fail gets: two");
}

TEST_F(ChainTest, BatchesWaitForTheTypesOfColumnsThatAreNullAtFirst) {
  const auto nulls_first = [](const FunctionCall& call) -> Result<RecordBatches> {
    if (call.number < 2) return RecordBatches{Nulls(call.rows)};
    return RecordBatches{call.batch};
  };
  std::vector<std::string> seen;
  const auto note = [&](const FunctionCall& call) -> Result<RecordBatches> {
    seen.push_back(call.batch->schema()->field(0)->type()->ToString());
    return RecordBatches{call.batch};
  };
  Open({InTurn("Nulls", nulls_first), InTurn("Note", note)});
  Add(Numbers({1}));
  Add(Numbers({2}));
  RunAll();
  EXPECT_EQ(Next(), "…");
  Add(Numbers({3}));
  RunAll();
  for (const char* expected : {"{ -1 }", "{ -1 }", "{ 3 }", "…"}) EXPECT_EQ(Next(), expected);
  EXPECT_EQ(seen, (std::vector<std::string>{"int64", "int64", "int64"}));
}

TEST_F(ChainTest, BatchesThatWaitForTypesGoOnAtTheEnd) {
  int64_t called = 0;
  const auto count = [&](const FunctionCall& call) -> Result<RecordBatches> {
    ++called;
    return RecordBatches{call.batch};
  };
  Open({InTurn("Nulls", [](const FunctionCall& call) -> Result<RecordBatches> { return RecordBatches{Nulls(call.rows)}; }), InTurn("Count", count)});
  Add(Numbers({1}));
  Add(Numbers({2, 3}));
  RunAll();
  EXPECT_EQ(called, 0);
  calls_->End();
  RunAll();
  EXPECT_EQ(called, 2);
  EXPECT_EQ((*calls_->TryTakeResult([] {}))->batches[0]->num_rows(), 1);
  EXPECT_EQ((*calls_->TryTakeResult([] {}))->batches[0]->num_rows(), 2);
  EXPECT_EQ(Next(), "end");
}

TEST_F(ChainTest, WhatWaitsForTypesLeavesRoomForTheCallsThatTellThem) {
  int64_t kept = 0;
  const auto first_and_tenth = [&](const FunctionCall& call) -> Result<RecordBatches> {
    const bool keeps = call.number == 0 || call.number == 10;
    return RecordBatches{call.batch->Slice(0, keeps ? 1 : 0)};
  };
  const auto nulls_first = [&](const FunctionCall& call) -> Result<RecordBatches> { return RecordBatches{kept++ == 0 ? Nulls(call.rows) : call.batch}; };
  Open({InTurn("Some", first_and_tenth), InTurn("Nulls", nulls_first), InTurn("Same", Same)});
  for (int64_t number = 0; number < 10; ++number) {
    Add(Numbers({number}));
    RunAll();
    EXPECT_EQ(calls_->under_way(), 0);
  }
  EXPECT_EQ(Next(), "…");
  Add(Numbers({10}));
  RunAll();
  EXPECT_EQ(Next(), "{ -1 }");
  for (int64_t number = 1; number < 10; ++number) EXPECT_EQ(Next(), "");
  EXPECT_EQ(Next(), "{ 10 }");
  EXPECT_EQ(calls_->under_way(), 0);
}

TEST_F(ChainTest, TypesThatDoNotGoTogetherAreTheErrorOfTheFunctionThatGaveThem) {
  const auto changing = [](const FunctionCall& call) -> Result<RecordBatches> {
    if (call.number == 0) return RecordBatches{call.batch};
    return RecordBatches{*call.batch->RenameColumns({"other"})};
  };
  Open({InTurn("Changing", changing), InTurn("Same", Same)});
  Add(Numbers({1}));
  Add(Numbers({2}));
  RunAll();
  EXPECT_EQ(Next(), "{ 1 }");
  EXPECT_EQ(Next().substr(0, 60), "Changing: column 'other' comes only in a later batch; return");
}

TEST_F(ChainTest, WithoutResultsTheSchemaIsThatOfTheLastFunctionThatKnows) {
  const auto renamed = [](const std::shared_ptr<arrow::Schema>& input) -> Result<std::shared_ptr<arrow::Schema>> {
    return arrow::schema({arrow::field("renamed", input->field(0)->type())});
  };
  const auto none = [](const FunctionCall& call) -> Result<RecordBatches> { return RecordBatches{call.batch->Slice(0, 0)}; };
  Open({InTurn("None", none), MakeNativeFunction("Rename", Same, renamed)});
  EXPECT_EQ((*chain_->SchemaWithoutResults(Numbers({})->schema()))->num_fields(), 0);
  Add(Numbers({1}));
  RunAll();
  EXPECT_EQ((*chain_->SchemaWithoutResults(Numbers({})->schema()))->ToString(), "renamed: int64");
}

TEST_F(ChainTest, WhatIsBetweenTwoFunctionsIsChargedInPlaceOfTheInput) {
  int64_t charged = -1;
  const auto grow = [](const FunctionCall&) -> Result<RecordBatches> { return RecordBatches{Numbers(std::vector<int64_t>(1000, 7))}; };
  const auto look = [&](const FunctionCall& call) -> Result<RecordBatches> {
    charged = host_.engine()->budget()->used_bytes();
    return RecordBatches{call.batch->Slice(0, 1)};
  };
  Open({InTurn("Grow", grow), InTurn("Look", look)});
  const int64_t before = host_.engine()->budget()->used_bytes();
  Add(Numbers({1}));
  RunAll();
  EXPECT_GE(charged - before, 8000);
  EXPECT_EQ(Next(), "{ 7 }");
  EXPECT_EQ(host_.engine()->budget()->used_bytes(), before);
}

}  // namespace
}  // namespace millstream
