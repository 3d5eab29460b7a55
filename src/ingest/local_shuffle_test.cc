#include "ingest/local_shuffle.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "testing/batch_generator.h"
#include "testing/column_oracle.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

std::shared_ptr<Engine> SmallEngine(int64_t memory_limit_bytes = 64 << 20) {
  EngineOptions options;
  options.num_cpus = 1;
  options.memory_limit_bytes = memory_limit_bytes;
  return *Engine::Make(options);
}

/// Gives these batches, then the end, or an error.
class ListedStream : public BatchStream {
 public:
  ListedStream(std::shared_ptr<arrow::Schema> schema, std::vector<std::shared_ptr<arrow::RecordBatch>> batches, Status end = Status::OK())
      : schema_(std::move(schema)), batches_(std::move(batches)), end_(std::move(end)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<StreamBatch> Next(const std::function<bool()>&) override {
    if (next_ < batches_.size()) return StreamBatch{batches_[next_++], {}};
    ARROW_RETURN_NOT_OK(end_);
    return StreamBatch{};
  }
  void Close() override {}
  std::vector<const StageStatistics*> stages() const override { return {}; }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  Status end_;
  size_t next_ = 0;
};

/// Over a stream that is there already, of which no more is known than that it is small.
Result<std::unique_ptr<BatchStream>> OpenOver(const Engine& engine, std::unique_ptr<BatchStream> input, const LocalShuffleOptions& options) {
  return OpenLocalShuffle(engine, {1000, 8, 100}, options, {}, [&](const ExecuteOptions&) -> Result<std::unique_ptr<BatchStream>> { return std::move(input); });
}

std::shared_ptr<arrow::Schema> NumberSchema() { return arrow::schema({arrow::field("number", arrow::int64())}); }

std::vector<std::shared_ptr<arrow::RecordBatch>> Numbers(int64_t rows, int64_t batch_rows) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int64_t begin = 0; begin < rows; begin += batch_rows) {
    arrow::Int64Builder builder;
    for (int64_t row = begin; row < std::min(rows, begin + batch_rows); ++row) EXPECT_TRUE(builder.Append(row).ok());
    auto array = *builder.Finish();
    batches.push_back(arrow::RecordBatch::Make(NumberSchema(), array->length(), {array}));
  }
  return batches;
}

std::vector<std::vector<int64_t>> Drawn(int64_t rows, int64_t input_rows, const LocalShuffleOptions& options) {
  const auto engine = SmallEngine();
  auto stream = *OpenOver(*engine, std::make_unique<ListedStream>(NumberSchema(), Numbers(rows, input_rows)), options);
  std::vector<std::vector<int64_t>> out;
  for (;;) {
    auto batch = stream->Next(nullptr);
    EXPECT_TRUE(batch.ok()) << batch.status().ToString();
    if (!batch.ok() || batch->data == nullptr) return out;
    const auto& values = static_cast<const arrow::Int64Array&>(*batch->data->column(0));
    out.emplace_back(values.raw_values(), values.raw_values() + values.length());
  }
}

std::vector<int64_t> Flat(const std::vector<std::vector<int64_t>>& batches) {
  std::vector<int64_t> out;
  for (const auto& batch : batches) out.insert(out.end(), batch.begin(), batch.end());
  return out;
}

TEST(LocalShuffle, GivesEveryRowOnceInBatchesOfTheSizeAskedFor) {
  const auto batches = Drawn(1000, 64, {100, 7, false, 1});
  ASSERT_EQ(batches.size(), 143u);
  for (size_t i = 0; i + 1 < batches.size(); ++i) EXPECT_EQ(batches[i].size(), 7u);
  EXPECT_EQ(batches.back().size(), 6u);
  auto rows = Flat(batches);
  EXPECT_FALSE(std::is_sorted(rows.begin(), rows.end()));
  std::sort(rows.begin(), rows.end());
  for (int64_t row = 0; row < 1000; ++row) ASSERT_EQ(rows[row], row);
}

TEST(LocalShuffle, LeavesOutAShortLastBatchWhenToldTo) { EXPECT_EQ(Drawn(1000, 64, {100, 7, true, 1}).size(), 142u); }

TEST(LocalShuffle, GivesTheSameOrderForASeedAndAnotherForAnother) {
  EXPECT_EQ(Drawn(500, 50, {64, 10, false, 3}), Drawn(500, 50, {64, 10, false, 3}));
  EXPECT_NE(Drawn(500, 50, {64, 10, false, 3}), Drawn(500, 50, {64, 10, false, 4}));
}

TEST(LocalShuffle, DrawsEachRowOfTheBufferEquallyOften) {
  // First of 16 rows over many seeds: chi-square with 15 degrees of freedom, 0.999 quantile 37.7.
  std::vector<int64_t> counts(16);
  for (uint64_t seed = 0; seed < 1600; ++seed) ++counts[Drawn(16, 16, {16, 1, false, seed})[0][0]];
  double chi_square = 0;
  for (const int64_t count : counts) chi_square += (count - 100.0) * (count - 100.0) / 100.0;
  EXPECT_LT(chi_square, 37.7);
}

TEST(LocalShuffle, WaitsForTheBufferToFillBeforeTheFirstBatch) {
  // A buffer of all rows can give a late row first; one of few rows cannot.
  const auto far = Drawn(1000, 10, {1000, 100, false, 5});
  EXPECT_GT(*std::max_element(far[0].begin(), far[0].end()), 500);
  const auto near = Drawn(1000, 10, {100, 50, false, 5});
  EXPECT_LT(*std::max_element(near[0].begin(), near[0].end()), 110);
}

TEST(LocalShuffle, AnErrorOfItsInputComesThrough) {
  const auto engine = SmallEngine();
  auto input = std::make_unique<ListedStream>(NumberSchema(), Numbers(10, 5), MakeError(ErrorKind::kCorruptData, "file x.parquet"));
  auto stream = *OpenOver(*engine, std::move(input), {100, 5, false, 0});
  EXPECT_EQ(KindOf(stream->Next(nullptr).status()), ErrorKind::kCorruptData);
}

TEST(LocalShuffle, SaysThatTheBufferDoesNotFit) {
  const auto engine = SmallEngine(4 << 20);
  auto stream = *OpenOver(*engine, std::make_unique<ListedStream>(NumberSchema(), Numbers(2000000, 50000)), {2000000, 5, false, 0});
  const auto status = stream->Next(nullptr).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kBudget) << status.ToString();
  EXPECT_NE(status.message().find("local_shuffle_buffer_size=2000000"), std::string::npos) << status.message();
  stream.reset();
  EXPECT_EQ(engine->budget()->used_bytes(), 0);
}

TEST(LocalShuffle, GivesAllMemoryBackWhenClosedHalfWay) {
  const auto engine = SmallEngine();
  auto stream = *OpenOver(*engine, std::make_unique<ListedStream>(NumberSchema(), Numbers(1000, 100)), {500, 10, false, 0});
  auto batch = *stream->Next(nullptr);
  EXPECT_GT(engine->budget()->used_bytes(), 0);
  stream->Close();
  EXPECT_EQ(engine->budget()->used_bytes(), 0);
  EXPECT_EQ(stream->Next(nullptr)->data, nullptr);
  EXPECT_EQ(batch.data->num_rows(), 10);
}

TEST(LocalShuffle, RefusesSizesBelowOne) {
  const auto engine = SmallEngine();
  auto stream = [] { return std::make_unique<ListedStream>(NumberSchema(), Numbers(1, 1)); };
  EXPECT_EQ(KindOf(OpenOver(*engine, stream(), {0, 5, false, 0}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(OpenOver(*engine, stream(), {5, 0, false, 0}).status()), ErrorKind::kInvalidArgument);
}

/// Each row as text, so that tables can be compared whatever their order.
std::vector<std::string> RowTexts(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  std::vector<std::string> rows;
  for (const auto& batch : batches) {
    std::vector<std::string> texts(batch->num_rows());
    for (const auto& column : batch->columns()) {
      const auto values = RenderRows(*column);
      for (size_t row = 0; row < values.size(); ++row) texts[row] += values[row] + "|";
    }
    rows.insert(rows.end(), texts.begin(), texts.end());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST(LocalShuffle, EveryTypeComesThroughUnharmed) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto schema = EverySchema();
  std::vector<std::shared_ptr<arrow::RecordBatch>> input;
  for (uint64_t piece = 0; piece < 5; ++piece) {
    input.push_back(RandomBatch(schema, {.rows = 30, .null_share = 0.1, .sliced = piece % 2 == 1, .seed = seed + piece}));
  }
  const auto engine = SmallEngine();
  auto stream = *OpenOver(*engine, std::make_unique<ListedStream>(schema, input), {40, 7, false, seed});
  std::vector<std::shared_ptr<arrow::RecordBatch>> output;
  for (;;) {
    auto batch = stream->Next(nullptr);
    ASSERT_TRUE(batch.ok()) << batch.status().ToString();
    if (batch->data == nullptr) break;
    ASSERT_TRUE(batch->data->ValidateFull().ok());
    ASSERT_TRUE(batch->data->schema()->Equals(*schema));
    output.push_back(batch->data);
  }
  EXPECT_EQ(RowTexts(output), RowTexts(input));
}

TEST(LocalShuffle, HoldsAtMostTwiceTheRowsOfItsBuffer) {
  const auto engine = SmallEngine();
  auto stream = *OpenOver(*engine, std::make_unique<ListedStream>(NumberSchema(), Numbers(100000, 500)), {4000, 100, false, 0});
  int64_t most = 0;
  for (;;) {
    const auto batch = *stream->Next(nullptr);
    if (batch.data == nullptr) break;
    most = std::max(most, engine->budget()->used_bytes());
  }
  // Eight bytes a value and eight a slot; slots and pages are taken in steps.
  EXPECT_LT(most, 2 * (4000 + 500) * 8 + 3 * (4000 + 500) * 8 / 2 + (64 << 10));
}

}  // namespace
}  // namespace millstream
