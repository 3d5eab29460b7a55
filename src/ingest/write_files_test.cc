#include "ingest/write_files.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "format/parquet/parquet_dataset.h"
#include "format/parquet/parquet_writer.h"
#include "ingest/execute.h"
#include "ops/table_source.h"
#include "testing/batch_generator.h"
#include "testing/fault_env.h"
#include "testing/seeded_scheduler.h"
#include "testing/temporary_directory.h"

namespace millstream {
namespace {

constexpr int64_t kRows = 5000;

std::shared_ptr<arrow::Schema> SmallSchema() {
  return arrow::schema({arrow::field("n", arrow::int64()), arrow::field("x", arrow::float64()), arrow::field("s", arrow::utf8())});
}

/// kRows rows in five blocks.
PlanPtr TablePlan() {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (uint64_t block = 0; block < 5; ++block) batches.push_back(testing_support::RandomBatch(SmallSchema(), {.rows = kRows / 5, .seed = block + 1}));
  return SourcePlan("FromArrow", *MakeTableSource(SmallSchema(), batches));
}

std::shared_ptr<Engine> MakeEngine(std::shared_ptr<Env> env = RealEnv(), int cpus = 2, int64_t limit = 256 << 20,
                                   std::shared_ptr<Scheduler> scheduler = nullptr) {
  EngineOptions options;
  options.num_cpus = cpus;
  options.memory_limit_bytes = limit;
  options.spill_directory = "/var/tmp/millstream-test-spill";
  return *Engine::Make(options, std::move(env), std::move(scheduler));
}

std::shared_ptr<const WriteFormat> ParquetFiles(int64_t row_group_rows = 0) {
  return std::make_shared<ParquetWriteFormat>(ParquetWriterOptions{.row_group_rows = row_group_rows});
}

Result<std::vector<WrittenFile>> WriteParquet(std::shared_ptr<Engine> engine, const PlanPtr& plan, const std::string& directory, WriteFilesOptions options = {}) {
  if (options.format == nullptr) options.format = ParquetFiles();
  return WriteFiles(std::move(engine), plan, directory, options);
}

std::shared_ptr<arrow::Table> Rows(const std::shared_ptr<Engine>& engine, const PlanPtr& plan) {
  auto stream = *Execute(engine, plan, {});
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (;;) {
    auto batch = *stream->Next(nullptr);
    if (batch.data == nullptr) break;
    batches.push_back(batch.data);
  }
  return *(*arrow::Table::FromRecordBatches(stream->schema(), batches))->CombineChunks();
}

std::shared_ptr<arrow::Table> ReadBack(const std::string& directory) {
  const auto env = RealEnv();
  auto files = ListFiles(*env, {directory}, {".parquet"});
  auto dataset = *ParquetDataset::Make(env, *files);
  return Rows(MakeEngine(), *ParquetPlan(dataset));
}

/// Sizes and contents of the files in order of their names, without the job's own part of the name.
std::vector<std::string> FileBytes(const std::string& directory) {
  std::vector<std::string> out;
  for (const auto& entry : *RealEnv()->List(directory)) {
    out.push_back((*(*RealEnv()->OpenForRead(entry.path))->ReadAt(0, entry.size_bytes))->ToString());
  }
  return out;
}

TEST(WriteFiles, RowsComeBackInOrderOutOfFilesOfEqualSize) {
  TemporaryDirectory root;
  const auto plan = TablePlan();
  const auto engine = MakeEngine();
  const auto files = *WriteParquet(engine, plan, root / "out", {.format = ParquetFiles(300), .file_rows_max = 700});
  ASSERT_EQ(files.size(), 8u);
  int64_t rows = 0;
  for (size_t file = 0; file < files.size(); ++file) {
    rows += files[file].rows;
    EXPECT_EQ(files[file].rows, file < 7 ? 700 : 100);
    EXPECT_EQ(files[file].bytes, RealEnv()->Stat(files[file].path)->size_bytes);
    if (file > 0) {
      EXPECT_LT(files[file - 1].path, files[file].path);
    }
  }
  EXPECT_EQ(rows, kRows);
  EXPECT_TRUE(ReadBack(root / "out")->Equals(*Rows(engine, plan), arrow::EqualOptions().nans_equal(true)));
  EXPECT_EQ(RealEnv()->List(root / "out")->size(), 8u);
  EXPECT_EQ(engine->budget()->used_bytes(), 0);
}

TEST(WriteFiles, FilesAreCutByBlocksAndBounds) {
  const auto plan = TablePlan();
  EXPECT_EQ(*FileRows(*plan, {.format = ParquetFiles()}), 1000);
  EXPECT_EQ(*FileRows(*plan, {.format = ParquetFiles(), .file_rows_min = 1500}), 1500);
  EXPECT_EQ(*FileRows(*plan, {.format = ParquetFiles(), .file_rows_min = 10, .file_rows_max = 20}), 20);
  EXPECT_EQ(*FileRows(**LimitPlan(plan, 3), {.format = ParquetFiles()}), 1000);
  EXPECT_EQ(KindOf(FileRows(*plan, {.format = ParquetFiles(), .file_rows_min = 30, .file_rows_max = 20}).status()), ErrorKind::kInvalidArgument);
  EXPECT_FALSE(FileRows(*plan, {.format = ParquetFiles(), .file_rows_min = -1}).ok());
}

TEST(WriteFiles, FilesAreTheSameBytesWhateverTheLanesAndTheBudget) {
  std::vector<std::string> first;
  for (const auto& [cpus, limit] : {std::pair{1, int64_t{1} << 30}, {4, int64_t{1} << 30}, {2, int64_t{24} << 20}}) {
    TemporaryDirectory root;
    for (const auto& plan : {TablePlan(), ShufflePlanNode(TablePlan(), SeedKind::kFixed, 7)}) {
      ASSERT_TRUE(WriteParquet(MakeEngine(RealEnv(), cpus, limit), plan, root.path(), {.file_rows_max = 900}).ok());
    }
    const auto bytes = FileBytes(root.path());
    EXPECT_EQ(bytes.size(), 12u);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << cpus << " lanes, limit " << limit;
  }
}

TEST(WriteFiles, AnyOrderOfStepsGivesTheSameFiles) {
  std::vector<std::string> first;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    TemporaryDirectory root;
    const auto engine = MakeEngine(RealEnv(), 3, 256 << 20, MakeSeededScheduler({.seed = seed, .lanes = 3}));
    ASSERT_TRUE(WriteParquet(engine, TablePlan(), root.path(), {.file_rows_max = 600}).ok()) << "seed " << seed;
    const auto bytes = FileBytes(root.path());
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << "seed " << seed;
  }
}

TEST(WriteFiles, NoRowsAreOneFileWithTheSchema) {
  TemporaryDirectory root;
  const auto files = *WriteParquet(MakeEngine(), *LimitPlan(TablePlan(), 0), root.path());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].rows, 0);
  const auto dataset = *ParquetDataset::Make(RealEnv(), *ListFiles(*RealEnv(), {root.path()}, {".parquet"}));
  EXPECT_TRUE(dataset->schema()->Equals(*SmallSchema(), false));
}

TEST(WriteFiles, ADirectoryMayBeOverwrittenByWhatIsReadFromIt) {
  TemporaryDirectory root;
  const auto engine = MakeEngine();
  const auto expected = Rows(engine, TablePlan());
  ASSERT_TRUE(WriteParquet(engine, TablePlan(), root.path()).ok());
  const auto dataset = *ParquetDataset::Make(RealEnv(), *ListFiles(*RealEnv(), {root.path()}, {".parquet"}));
  ASSERT_TRUE(WriteParquet(engine, *ParquetPlan(dataset), root.path(), {.file_rows_min = 2500, .mode = SaveMode::kOverwrite}).ok());
  EXPECT_EQ(RealEnv()->List(root.path())->size(), 2u);
  EXPECT_TRUE(ReadBack(root.path())->Equals(*expected, arrow::EqualOptions().nans_equal(true)));
}

TEST(WriteFiles, AnInterruptionLeavesNothingBehind) {
  TemporaryDirectory root;
  const auto engine = MakeEngine();
  int looks = 0;
  const auto status = WriteParquet(engine, TablePlan(), root / "out", {.file_rows_max = 10, .interrupted = [&] { return ++looks > 0; }}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kCancelled);
  EXPECT_EQ(looks, 1);
  EXPECT_TRUE(root.empty());
  EXPECT_EQ(engine->budget()->used_bytes(), 0);
}

TEST(WriteFiles, ProgressNamesTheStagesOfReadingAndWriting) {
  TemporaryDirectory root;
  std::vector<std::string> names;
  const auto progress = [&](const std::vector<const StageStatistics*>& stages) {
    for (const auto* stage : stages) names.push_back(stage->name);
  };
  ASSERT_TRUE(WriteParquet(MakeEngine(), TablePlan(), root.path(), {.file_rows_max = 10, .progress = progress}).ok());
  ASSERT_GE(names.size(), 3u);
  EXPECT_EQ(names[2], "WriteParquet");
}

TEST(WriteFiles, StagesAreToldOfOnceWhenTheJobHasEndedAndWhenItIsInterrupted) {
  for (const bool interrupt : {false, true}) {
    TemporaryDirectory root;
    std::vector<std::string> names;
    WriteFilesOptions options;
    options.interrupted = [&] { return interrupt; };
    options.ended = [&](const std::vector<const StageStatistics*>& stages) {
      for (const auto* stage : stages) names.push_back(stage->name);
    };
    EXPECT_EQ(WriteParquet(MakeEngine(), TablePlan(), root.path(), options).ok(), !interrupt);
    ASSERT_GE(names.size(), 1u);
    EXPECT_EQ(std::count(names.begin(), names.end(), names[0]), 1);
  }
}

TEST(WriteFiles, WhatParquetCannotHoldIsRefusedBeforeADirectoryIsMade) {
  TemporaryDirectory root;
  const auto schema = arrow::schema({arrow::field("u", arrow::dense_union({arrow::field("a", arrow::int8())}))});
  const auto plan = SourcePlan("FromArrow", *MakeTableSource(schema, {}));
  const auto status = WriteParquet(MakeEngine(), plan, root / "out").status();
  EXPECT_EQ(KindOf(status), ErrorKind::kType);
  EXPECT_NE(status.message().find("'u'"), std::string::npos);
  EXPECT_TRUE(root.empty());
}

TEST(WriteFiles, AShuffleThatSpillsLeavesTheWriterItsMemory) {
  TemporaryDirectory root;
  constexpr int64_t kMany = 3'000'000;
  const auto plan = ShufflePlanNode(SourcePlan("Range", *MakeRangeSource(kMany), 12), SeedKind::kFixed, 3);
  const auto engine = MakeEngine(RealEnv(), 2, 40 << 20);
  const auto files = WriteParquet(engine, plan, root.path(), {.format = ParquetFiles(60'000)});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_LE(engine->budget()->peak_bytes(), 40 << 20);
  std::vector<bool> seen(kMany);
  const auto table = ReadBack(root.path());
  ASSERT_EQ(table->num_rows(), kMany);
  for (const auto& chunk : table->column(0)->chunks()) {
    for (int64_t row = 0; row < chunk->length(); ++row) seen[static_cast<const arrow::Int64Array&>(*chunk).Value(row)] = true;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kMany);
}

TEST(WriteFiles, ATooSmallBudgetIsABudgetErrorAndLeavesNothingBehind) {
  TemporaryDirectory root;
  const auto status = WriteParquet(MakeEngine(RealEnv(), 2, 200 << 10), TablePlan(), root / "out").status();
  EXPECT_EQ(KindOf(status), ErrorKind::kBudget) << status;
  EXPECT_TRUE(root.empty());
}

TEST(WriteFiles, PartitionColumnsBecomeFoldersAndRowsKeepTheirOrderInThem) {
  TemporaryDirectory root;
  const auto schema = arrow::schema({arrow::field("p", arrow::utf8()), arrow::field("n", arrow::int64()), arrow::field("q", arrow::int32())});
  arrow::StringBuilder p;
  arrow::Int64Builder n;
  arrow::Int32Builder q;
  const std::vector<std::string> values = {"a/b", "..", "x y", "\u00e9"};
  for (int64_t row = 0; row < 1000; ++row) {
    ASSERT_TRUE((row % 5 == 4 ? p.AppendNull() : p.Append(values[static_cast<size_t>(row % 5)])).ok());
    ASSERT_TRUE(n.Append(row).ok());
    ASSERT_TRUE(q.Append(static_cast<int32_t>(row % 2)).ok());
  }
  const auto batch = arrow::RecordBatch::Make(schema, 1000, {*p.Finish(), *n.Finish(), *q.Finish()});
  const auto plan = SourcePlan("FromArrow", *MakeTableSource(schema, {batch}));
  const auto engine = MakeEngine();
  const auto written = WriteParquet(engine, plan, root / "out", {.file_rows_max = 70, .partition_columns = {"p", "q"}});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->size(), 5u * 2u * 2u);
  int64_t rows = 0;
  std::set<std::string> folders;
  for (const auto& file : *written) {
    rows += file.rows;
    const std::string name = file.path.substr((root / "out").size() + 1);
    folders.insert(name.substr(0, name.rfind('/')));
    EXPECT_TRUE(RealEnv()->Stat(file.path).ok()) << name;
    const auto dataset = *ParquetDataset::Make(RealEnv(), *ListFiles(*RealEnv(), {file.path}, {".parquet"}));
    EXPECT_EQ(dataset->schema()->num_fields(), 1);
    const auto table = Rows(engine, *ParquetPlan(dataset));
    const auto& numbers = static_cast<const arrow::Int64Array&>(*table->column(0)->chunk(0));
    for (int64_t row = 1; row < numbers.length(); ++row) EXPECT_EQ(numbers.Value(row), numbers.Value(row - 1) + 10);
  }
  EXPECT_EQ(rows, 1000);
  std::set<std::string> expected;
  for (const char* value : {"p=..", "p=a%2Fb", "p=x%20y", "p=%C3%A9", "p=__HIVE_DEFAULT_PARTITION__"}) {
    for (const char* second : {"/q=0", "/q=1"}) expected.insert(std::string(value) + second);
  }
  EXPECT_EQ(folders, expected);
}

constexpr EnvCall kCalls[] = {EnvCall::kOpen,   EnvCall::kCreate, EnvCall::kWrite, EnvCall::kClose, EnvCall::kStat, EnvCall::kList,
                              EnvCall::kRename, EnvCall::kRemove, EnvCall::kSync,  EnvCall::kLock};

TEST(WriteFiles, AnyCallMayFailAndTheDirectoryIsTheOldOrTheNewOne) {
  for (const SaveMode mode : {SaveMode::kAppend, SaveMode::kOverwrite}) {
    for (const EnvCall call : kCalls) {
      bool struck = true;
      for (int index = 0; struck; ++index) {
        TemporaryDirectory root;
        ASSERT_TRUE((*RealEnv()->CreateForWrite(root / "old"))->Close().ok());
        auto env = FaultEnv::Make(RealEnv());
        const auto engine = MakeEngine(env);
        env->FailCall(call, index, ErrorKind::kDiskFull);
        const auto status = WriteParquet(engine, TablePlan(), root.path(), {.file_rows_min = 2000, .mode = mode}).status();
        struck = env->faults() > 0;
        SCOPED_TRACE(std::string(NameOf(call)) + " " + std::to_string(index) + ": " + status.ToString());
        size_t seen = 0, old = 0;
        for (const auto& entry : *RealEnv()->List(root.path())) {
          const std::string name = entry.path.substr(root.path().size() + 1);
          seen += name[0] != '.';
          old += name == "old";
          if (call != EnvCall::kRemove) {
            EXPECT_NE(name[0], '.') << name;
          }
        }
        EXPECT_EQ(seen, !status.ok() ? 1u : mode == SaveMode::kAppend ? 4u : 3u);
        EXPECT_EQ(old, status.ok() && mode == SaveMode::kOverwrite ? 0u : 1u);
        if (!status.ok()) {
          EXPECT_EQ(KindOf(status), ErrorKind::kDiskFull);
        }
        EXPECT_EQ(env->open_files(), 0);
        EXPECT_EQ(engine->budget()->used_bytes(), 0);
        ASSERT_LT(index, 200);
      }
    }
  }
}

}  // namespace
}  // namespace millstream
