/// Whole results: held, written, explained.

#include "api/test_rows.h"

namespace millstream {
namespace {

using ResultsTest = ApiTest;

TEST_F(ResultsTest, AMaterialisedSetRunsItsPlanOnce) {
  int calls = 0;
  const auto counted = Read().MapBatches(
      [&](const auto& batch, const CallContext&) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
        ++calls;
        return batch;
      },
      {.batch_size = 250});
  const auto held = counted->Materialize();
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(held->schema()->field_names(), (std::vector<std::string>{"number", "name"}));
  EXPECT_EQ(*held->Count(), kRows);
  EXPECT_EQ(ValuesOf(held, "number"), ValuesOf(Read(), "number"));
  EXPECT_EQ(calls, 4);
}

TEST_F(ResultsTest, AnEmptyResultHasItsColumns) {
  const auto none = Read().Filter(Column("number") < Literal(0));
  EXPECT_EQ((*none->ToTable())->num_rows(), 0);
  EXPECT_EQ((*none->Materialize()->ToTable())->schema()->field_names(), (std::vector<std::string>{"number", "name"}));
}

TEST_F(ResultsTest, WrittenFilesAreReadBackInTheirOrder) {
  const Dataset shuffled = Read().RandomShuffle({.seed = 2, .reseed_after_execution = true});
  const std::string target = directory_ + "/written";
  const auto files = shuffled.WriteParquet(target, {.compression = "zstd", .max_rows_per_file = 300});
  ASSERT_TRUE(files.ok()) << files.status();
  int64_t rows = 0;
  for (const FileReport& file : *files) {
    EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(file.path)), file.bytes);
    EXPECT_LE(file.rows, 300);
    rows += file.rows;
  }
  EXPECT_EQ(rows, kRows);
  const auto back = Dataset::ReadParquet(*context_, {target});
  EXPECT_EQ(ValuesOf(back, "number"), ValuesOf(shuffled, "number"));
  EXPECT_EQ(back->InputFiles().size(), files->size());
}

TEST_F(ResultsTest, ADirectoryThatIsThereIsTreatedAsTheModeSays) {
  const Dataset some = *Read().Limit(10);
  const std::string target = directory_ + "/written";
  const auto rows = [&] { return *Dataset::ReadParquet(*context_, {target})->Count(); };
  ASSERT_TRUE(some.WriteParquet(target).ok());
  ASSERT_TRUE(some.WriteParquet(target).ok());
  EXPECT_EQ(rows(), 20);
  EXPECT_TRUE(some.WriteParquet(target, {.mode = SaveMode::kIgnore})->empty());
  Refusal(some.WriteParquet(target, {.mode = SaveMode::kError}), ErrorKind::kInvalidArgument);
  EXPECT_EQ(rows(), 20);
  ASSERT_TRUE(some.WriteParquet(target, {.mode = SaveMode::kOverwrite}).ok());
  EXPECT_EQ(rows(), 10);
}

TEST_F(ResultsTest, AFailedWriteLeavesNothing) {
  const auto failing = Read().MapBatches(
      [](const auto& batch, const CallContext& call) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
        if (call.number == 3) return arrow::Status::IOError("the lake is dry");
        return batch;
      },
      {.batch_size = 50});
  const std::string target = directory_ + "/written";
  EXPECT_HAS(Refusal(failing->WriteParquet(target), ErrorKind::kIo), "the lake is dry");
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(ResultsTest, WritingThatCannotBeIsRefused) {
  Refusal(Read().WriteParquet(directory_ + "/w", {.compression = "zip"}), ErrorKind::kInvalidArgument);
  Refusal(Read().WriteParquet(directory_ + "/w", {.row_group_size = -1}), ErrorKind::kInvalidArgument);
  Refusal(Read().WriteParquet(directory_ + "/w", {.min_rows_per_file = 5, .max_rows_per_file = 4}), ErrorKind::kInvalidArgument);
}

TEST_F(ResultsTest, APlanIsExplainedAndMeasured) {
  const auto sorted = Read().Filter(Column("number") > Literal(499))->Sort({{Column("name")}});
  const auto plain = sorted->Explain({.batch_size = 100});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_HAS(*plain, "Sort[name]");
  EXPECT_HAS(*plain, "ReadParquet[4 files");
  const auto measured = sorted->Explain({.batch_size = 100, .analyze = true});
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_HAS(*measured, *plain);
  EXPECT_HAS(*measured, "500 rows in 5 batches");
  EXPECT_HAS(*measured, "peak bytes");
  Refusal(sorted->Explain({.batch_size = 0}), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace millstream
