#include "ingest/held_stream.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <gtest/gtest.h>

#include <numeric>

#include "ops/table_source.h"
#include "testing/oracle_tables.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

/// Numbers from `begin` on, each with a text of `bytes` bytes.
std::shared_ptr<arrow::RecordBatch> WideRows(int64_t begin, int64_t count, int64_t bytes) {
  arrow::Int64Builder numbers;
  arrow::StringBuilder texts;
  for (int64_t i = begin; i < begin + count; ++i) {
    EXPECT_TRUE(numbers.Append(i).ok());
    EXPECT_TRUE(texts.Append(std::string(static_cast<size_t>(bytes), 'x')).ok());
  }
  const auto schema = arrow::schema({arrow::field("number", arrow::int64()), arrow::field("text", arrow::utf8())});
  return arrow::RecordBatch::Make(schema, count, {*numbers.Finish(), *texts.Finish()});
}

/// Gives batches of 100 rows, but every other time asks to be asked again.
class SlowStream : public PolledStream {
 public:
  SlowStream(const Engine& engine, int batches) : PolledStream(engine), left_(batches) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::vector<const StageStatistics*> stages() const override { return {}; }
  void Close() override { left_ = 0; }
  Result<std::optional<StreamBatch>> TryNext(const Waker&) override {
    waits_ = !waits_;
    if (waits_) return std::nullopt;
    if (left_-- <= 0) return StreamBatch{};
    StreamBatch batch;
    batch.data = WideRows(given_, 100, 500);
    batch.first_row = given_;
    given_ += 100;
    return batch;
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_ = WideRows(0, 0, 0)->schema();
  int left_;
  int64_t given_ = 0;
  bool waits_ = false;
};

int Fill(HeldStream* held) {
  for (int calls = 1;; ++calls) {
    const auto filled = held->Fill([] {});
    EXPECT_TRUE(filled.ok()) << filled.status();
    if (!filled.ok() || *filled) return calls;
  }
}

std::vector<int64_t> FirstRowsOfTheRest(HeldStream* held) {
  std::vector<int64_t> rows;
  for (;;) {
    const auto batch = held->TryNext([] {});
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || (batch->has_value() && (*batch)->data == nullptr)) return rows;
    if (batch->has_value()) rows.push_back((*batch)->first_row);
  }
}

TEST(HeldStream, HoldsUntilALimitIsReachedAndGivesAllInOrder) {
  const TestEngine host;
  const std::pair<HeldLimits, int64_t> kRowsHeld[] = {{{250, INT64_MAX}, 300}, {{INT64_MAX, 60'000}, 200}, {{1000, 1'000'000}, 500}};
  for (const auto& [limits, rows] : kRowsHeld) {
    HeldStream held(*host.engine(), std::make_unique<SlowStream>(*host.engine(), 5), limits);
    EXPECT_GT(Fill(&held), 1);
    EXPECT_EQ(held.rows(), rows);
    EXPECT_EQ(held.at_end(), rows == 500);
    EXPECT_EQ(FirstRowsOfTheRest(&held), (std::vector<int64_t>{0, 100, 200, 300, 400}));
  }
}

TEST(HeldStream, MeasuresTheRowsThatTheProgramGives) {
  const TestEngine host;
  HeldStream held(*host.engine(), std::make_unique<SlowStream>(*host.engine(), 5), {300, INT64_MAX});
  Fill(&held);
  EXPECT_EQ(held.RowBytesOf(**RowProgram::PassThrough(held.schema())), (std::vector<int64_t>{8, 505}));  // and an offset of four bytes, one more a batch
}

TEST(HeldStream, AShuffleOfWideRowsOfAFunctionRunsInAMemoryFarBelowThem) {
  if (HostileSwitches::FromEnvironment().always_two_passes) GTEST_SKIP() << "two passes of so wide rows take more";
  constexpr int64_t kRows = 60'000;
  TestEngine host({.memory_limit_bytes = 24 << 20});
  {
    const auto widen = [](const FunctionCall& call) -> Result<RecordBatches> { return RecordBatches{WideRows(call.begin_row, call.rows, 1000)}; };
    const auto rows = *MapPlan(SourcePlan("Range", *MakeRangeSource(kRows)), MakeNativeFunction("Widen", widen), 500);
    ExecuteOptions options;
    options.batch_rows = 256;
    const auto stream = Execute(host.engine(), ShufflePlanNode(rows, SeedKind::kFixed, 3), options);
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::vector<int64_t> numbers;
    for (;;) {
      const auto batch = (*stream)->Next(nullptr);
      ASSERT_TRUE(batch.ok()) << batch.status();
      if (batch->data == nullptr) break;
      const auto& column = static_cast<const arrow::Int64Array&>(*batch->data->column(0));
      numbers.insert(numbers.end(), column.raw_values(), column.raw_values() + column.length());
    }
    std::sort(numbers.begin(), numbers.end());
    std::vector<int64_t> all(kRows);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(numbers, all);
  }
  EXPECT_EQ(host.Leftovers(), "");
}

}  // namespace
}  // namespace millstream
