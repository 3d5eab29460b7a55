/// Scans within small limits: what is refused, with which number, and that this number does.

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <regex>

#include "format/parquet/parquet_writer.h"
#include "ingest/scan_plan.h"
#include "ingest/write_files.h"
#include "testing/batch_generator.h"
#include "testing/oracle_tables.h"
#include "testing/parquet_files.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

/// Numbers with and without nulls, strings, lists: three files of two row groups.
struct Files {
  Files() {
    arrow::FieldVector fields;
    for (int column = 0; column < 12; ++column) fields.push_back(arrow::field("n" + std::to_string(column), arrow::int64()));
    fields.push_back(arrow::field("s", arrow::utf8()));
    fields.push_back(arrow::field("l", arrow::list(arrow::int32())));
    const auto schema = arrow::schema(fields);
    for (uint64_t file = 0; file < 3; ++file) {
      const auto batch = RandomBatch(schema, {.rows = 12000, .null_share = 0.1, .seed = 7 + file});
      const Status written = parquet.Write({batch}, schema, 6000);
      EXPECT_TRUE(written.ok()) << written;
    }
    rows = TextsOf(*parquet.Rows());
  }
  ParquetFiles parquet;
  std::vector<std::string> rows;
};

const Files& TestFiles() {
  static const Files files;
  return files;
}

/// The number of bytes that a refusal names; 0 for another error.
int64_t BytesNamed(const Status& refusal) {
  std::smatch match;
  const std::string message = refusal.message();
  if (KindOf(refusal) != ErrorKind::kBudget || !std::regex_search(message, match, std::regex("at least ([0-9]+) bytes"))) return 0;
  return std::stoll(match[1]);
}

using Attempt = std::function<Status(int64_t limit_bytes)>;

/// Expects that a refusal names a number that does, and not much more than that.
void ExpectNamesItsMinimum(const Attempt& attempt) {
  const Status refused = attempt(64 << 10);
  const int64_t named = BytesNamed(refused);
  EXPECT_GT(named, 64 << 10) << refused;
  const Status allowed = attempt(named);
  EXPECT_TRUE(allowed.ok()) << allowed << " within the " << named << " bytes named";
  EXPECT_GT(BytesNamed(attempt(named - (512 << 10))), 0) << "half a megabyte less than was named is enough";
}

ExecuteOptions BatchesOf(int64_t rows) {
  ExecuteOptions options;
  options.batch_rows = rows;
  return options;
}

class ScanMinimum : public ::testing::TestWithParam<std::tuple<int, int64_t, bool>> {};

TEST_P(ScanMinimum, IsRefusedBeforeAPageIsReadAndRunsWithTheBytesNamed) {
  const auto [lanes, batch_rows, filtered] = GetParam();
  const Files& files = TestFiles();
  ExpectNamesItsMinimum([&](int64_t limit) {
    TestEngine host({.lanes = lanes, .memory_limit_bytes = limit});
    auto plan = *files.parquet.Plan(host.engine()->env());
    if (filtered) plan = *FilterPlan(plan, std::make_shared<Expression>(arrow::compute::call("is_valid", {arrow::compute::field_ref("n3")})));
    const int64_t reads = host.env().calls(EnvCall::kRead);
    auto run = RunPlan(host.engine(), plan, BatchesOf(batch_rows));
    if (run.ok() && !filtered) ExpectSameRows(run->rows, files.rows);
    if (run.ok()) EXPECT_LE(host.engine()->budget()->peak_bytes(), limit);
    else EXPECT_EQ(host.env().calls(EnvCall::kRead), reads);
    const Status status = run.status();
    run = Status::Cancelled("done");
    EXPECT_EQ(host.Leftovers(), "");
    return status;
  });
}

INSTANTIATE_TEST_SUITE_P(LanesAndBatches, ScanMinimum,
                         ::testing::Combine(::testing::Values(1, 3), ::testing::Values<int64_t>(10, 5000), ::testing::Bool()));

TEST(ScanMemory, TheMinimumDoesNotGrowWithTheNumberOfColumnsAsMuchAsTheirPages) {
  // 200 columns of one page each: side by side they would hold 200 pages.
  arrow::FieldVector fields;
  for (int column = 0; column < 200; ++column) fields.push_back(arrow::field("n" + std::to_string(column), arrow::int64()));
  const auto schema = arrow::schema(fields);
  ParquetFiles files;
  ASSERT_TRUE(files.Write({RandomBatch(schema, {.rows = 20000, .null_share = 0.0, .seed = 3})}, schema, 20000).ok());
  const int64_t decoded = 200 * 20000 * 8;
  TestEngine host({.lanes = 2, .memory_limit_bytes = decoded / 4});
  auto run = RunPlan(host.engine(), *files.Plan(host.engine()->env()), BatchesOf(100));
  ASSERT_TRUE(run.ok()) << run.status();
  ExpectSameRows(run->rows, TextsOf(*files.Rows()));
}

TEST(ScanMemory, WriteParquetIsRefusedOrRunsWithTheBytesNamed) {
  const Files& files = TestFiles();
  ExpectNamesItsMinimum([&](int64_t limit) {
    TestEngine host({.lanes = 2, .memory_limit_bytes = limit});
    const auto plan = *files.parquet.Plan(host.engine()->env());
    const WriteFilesOptions options{.format = std::make_shared<ParquetWriteFormat>(ParquetWriterOptions{})};
    const auto written = WriteFiles(host.engine(), plan, host.directory() / "out", options);
    EXPECT_TRUE(written.ok() || !host.env().Stat(host.directory() / "out").ok()) << "a refused job leaves a directory";
    return written.status();
  });
}

/// Rows of 8 bytes but for `wide` of them in the middle.
Batches SkewedRows(int64_t rows, int64_t wide, int64_t wide_bytes) {
  arrow::StringBuilder builder;
  for (int64_t row = 0; row < rows; ++row) {
    const bool is_wide = row >= rows / 2 && row < rows / 2 + wide;
    EXPECT_TRUE(builder.Append(std::string(is_wide ? wide_bytes : 8, static_cast<char>('a' + row % 26))).ok());
  }
  auto array = *builder.Finish();
  return {arrow::RecordBatch::Make(arrow::schema({arrow::field("s", arrow::utf8())}), rows, {array})};
}

TEST(ScanMemory, RowsMuchLargerThanTheAverageAreReadInSmallerWindows) {
  SCOPED_TRACE(ReplayNote());
  // One window of the planned size would hold all 300 wide rows, which are twice the limit.
  const auto batches = SkewedRows(30000, 300, 100 << 10);
  const auto expected = TextsOf(Identify(batches));
  for (const bool random_block : {false, true}) {
    for (const int lanes : {1, 2, 3}) {
      SCOPED_TRACE(std::to_string(lanes) + (random_block ? " lanes, blocked at random" : " lanes"));
      TestEngine host({.lanes = lanes, .memory_limit_bytes = 16 << 20, .random_block = random_block, .seed = TestSeed()});
      {
        auto run = RunPlan(host.engine(), TablePlan(batches[0]->schema(), batches), BatchesOf(10));
        ASSERT_TRUE(run.ok()) << run.status();
        ExpectSameRows(run->rows, expected);
      }
      EXPECT_EQ(host.Leftovers(), "");
    }
  }
}

TEST(ScanMemory, ABatchThatDoesNotFitIsANamedError) {
  if (HostileSwitches::FromEnvironment().one_row) GTEST_SKIP() << "any row fits";
  const auto batches = SkewedRows(30000, 300, 100 << 10);
  TestEngine host({.lanes = 2, .memory_limit_bytes = 16 << 20});
  const auto run = RunPlan(host.engine(), TablePlan(batches[0]->schema(), batches), BatchesOf(250));
  ASSERT_EQ(KindOf(run.status()), ErrorKind::kBudget) << run.status();
  EXPECT_NE(run.status().message().find("batch_size"), std::string::npos) << run.status();
}

TEST(ScanMemory, ABatchInTheUsersHandsKeepsItsWindowCharged) {
  const auto schema = arrow::schema({arrow::field("n", arrow::int64())});
  const Batches batches = {RandomBatch(schema, {.rows = 1000, .null_share = 0.0, .seed = 1})};
  TestEngine host({.lanes = 1, .memory_limit_bytes = 64 << 20});
  {
    auto stream = *Execute(host.engine(), TablePlan(schema, batches), BatchesOf(500));
    auto batch = *stream->Next(nullptr);
    batch = *stream->Next(nullptr);  // the last slice of the only window
    EXPECT_GE(host.engine()->budget()->used_bytes(), 8000);
    EXPECT_EQ(stream->Next(nullptr)->data, nullptr);
    stream.reset();
    EXPECT_EQ(host.engine()->budget()->used_bytes(), 0);
    EXPECT_EQ(batch.data->num_rows(), 500);
  }
  EXPECT_EQ(host.Leftovers(), "");
}

TEST(ScanMemory, TwoStreamsOfOneEngineShareItsMemory) {
  const Files& files = TestFiles();
  TestEngine host({.lanes = 2, .memory_limit_bytes = 48 << 20});
  const auto plan = *files.parquet.Plan(host.engine()->env());
  auto first = *Execute(host.engine(), plan, {});
  auto second = Execute(host.engine(), plan, {});
  ASSERT_TRUE(second.ok()) << second.status();
  int64_t rows = 0;
  for (;;) {
    const auto a = *first->Next(nullptr);
    const auto b = *(*second)->Next(nullptr);
    ASSERT_EQ(a.data == nullptr, b.data == nullptr);
    if (a.data == nullptr) break;
    ASSERT_TRUE(a.data->Equals(*b.data));
    rows += a.data->num_rows();
  }
  EXPECT_EQ(rows, static_cast<int64_t>(files.rows.size()));
}

}  // namespace
}  // namespace millstream
