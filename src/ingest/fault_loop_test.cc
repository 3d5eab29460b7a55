/// A small job with its i-th request, read, write, … failed, for every i until the job no longer meets the fault: the right answer or a clean error,
/// and nothing left behind.

#include <gtest/gtest.h>

#include <functional>

#include "base/random.h"
#include "testing/batch_generator.h"
#include "testing/charge_faults.h"
#include "testing/oracle_tables.h"
#include "testing/parquet_files.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

std::shared_ptr<arrow::Schema> JobSchema() {
  return arrow::schema({arrow::field("n", arrow::int64()), arrow::field("f", arrow::float32()), arrow::field("s", arrow::utf8()),
                        arrow::field("l", arrow::list(arrow::int32())), arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8()))});
}

enum class JobKind { kScan, kShuffle, kShuffleFromDisk, kSort, kGroup, kJoin, kStages };

bool IsOfStages(JobKind kind) { return kind >= JobKind::kSort; }

/// Two functions as one stage.
PlanPtr Mapped(PlanPtr plan) {
  const auto same = [](const FunctionCall& call) -> Result<RecordBatches> { return RecordBatches{call.batch}; };
  const auto in_turn = [](const FunctionCall& call, const FunctionCalls&) -> Result<RecordBatches> { return RecordBatches{call.batch}; };
  return *MapPlan(*MapPlan(std::move(plan), MakeNativeFunction("Same", same), 30), MakeUserFunction("InTurn", in_turn, 1), 0);
}

Result<PlanPtr> StagesOn(JobKind kind, const PlanPtr& rows) {
  switch (kind) {
    case JobKind::kSort:
      return SortPlan(rows, {{"f", true, false}, {"s", false, true}});
    case JobKind::kGroup:
      return AggregatePlan(rows, {"s"}, {{{.kind = AggregateKind::kCount, .name = "count"}, ""}, {{.kind = AggregateKind::kMax, .name = "max"}, "f"}});
    case JobKind::kJoin: {
      ARROW_ASSIGN_OR_RAISE(const auto right, ChangeColumnsPlan(rows, {ColumnChange::Kind::kSelect, {"n", "s"}, {}, {}}));
      return JoinPlan(rows, right, {JoinType::kFullOuter, {"n"}, {"n"}, "", "_right"});
    }
    default: {
      // A function, a sort and a shuffle above each other, beside the rows as they are, cut into blocks.
      ARROW_ASSIGN_OR_RAISE(auto sorted, SortPlan(Mapped(rows), {{"n"}}));
      ARROW_ASSIGN_OR_RAISE(auto both, UnionPlan({ShufflePlanNode(Mapped(std::move(sorted)), SeedKind::kFixed, 3), rows}));
      return RepartitionPlan(std::move(both), {.blocks = 3, .block_rows = 0, .keys = {"s"}, .sort = false});
    }
  }
}

/// Small files, and what reading or shuffling them, or stages on them, must give; of kShuffleFromDisk one file, in two epochs from rows kept on disk. What stages must
/// give is what an engine without faults gives: other tests hold that to oracles.
struct Job {
  explicit Job(JobKind job_kind) : kind(job_kind), shuffled(kind == JobKind::kShuffle || kind == JobKind::kShuffleFromDisk), epochs(kind == JobKind::kShuffleFromDisk ? 2 : 1) {
    // Groups are spilled into hundreds of partitions, each a read of its own: few of them make a loop of bearable length.
    const bool few = kind == JobKind::kGroup;
    for (uint64_t file = 0; file < (epochs > 1 ? 1 : 3); ++file) {
      const auto batch = RandomBatch(JobSchema(), {.rows = few ? 4 : 90, .null_share = 0.1, .seed = 40 + file});
      const Status written = files.Write({batch}, JobSchema(), 40);
      EXPECT_TRUE(written.ok()) << written;
    }
    if (IsOfStages(kind)) {
      TestEngine host({.lanes = 1});
      expected = *Run(host.engine());
      EXPECT_GT(expected.size(), 5);
      return;
    }
    const auto rows = *files.Rows();
    for (uint64_t epoch = 0; epoch < epochs; ++epoch) {
      const auto texts = shuffled ? PlainShuffle(rows, 6, epoch) : TextsOf(rows);
      expected.insert(expected.end(), texts.begin(), texts.end());
    }
  }

  /// Footers, plan and run, all through the engine's env.
  Result<std::vector<std::string>> Run(const std::shared_ptr<Engine>& engine) const {
    ARROW_ASSIGN_OR_RAISE(auto plan, files.Plan(engine->env()));
    if (shuffled) plan = ShufflePlanNode(std::move(plan), SeedKind::kUnset, 0);
    if (IsOfStages(kind)) ARROW_RETURN_NOT_OK(StagesOn(kind, plan).Value(&plan));
    ExecuteOptions options;
    options.seed = 6;
    options.batch_rows = 50;
    std::vector<std::string> rows;
    Passes passes(engine, plan);
    for (options.epoch = 0; options.epoch < epochs; ++options.epoch) {
      ARROW_ASSIGN_OR_RAISE(auto stream, passes.Open(options, epochs > 1 ? NextPass::kExpected : NextPass::kNone));
      ARROW_ASSIGN_OR_RAISE(auto run, DrainStream(*stream));
      rows.insert(rows.end(), run.rows.begin(), run.rows.end());
    }
    return rows;
  }

  JobKind kind;
  bool shuffled;
  uint64_t epochs;
  ParquetFiles files;
  std::vector<std::string> expected;
};

/// Under the seeded scheduler a run meets the same calls each time; with threads the order varies, which finds other things.
std::vector<TestEngineOptions> Engines(JobKind kind) {
  const bool spill = kind == JobKind::kShuffle || IsOfStages(kind);
  const bool keep = kind == JobKind::kShuffleFromDisk;
  return {{.lanes = 2, .memory_limit_bytes = 256 << 20, .always_spill = spill, .always_keep_on_disk = keep, .random_block = true, .seed = TestSeed()},
          {.lanes = 2, .memory_limit_bytes = 256 << 20, .always_spill = spill, .always_keep_on_disk = keep}};
}

/// Runs `job` with fault number 0, 1, … until a run meets none; with threads every fifth, for their order varies anyway. `kinds`: what a failure may say.
class FaultLoop {
 public:
  FaultLoop(const Job& job, TestEngineOptions options, std::vector<ErrorKind> kinds) : job_(job), options_(options), kinds_(std::move(kinds)) {}

  using Inject = std::function<void(TestEngine&, int64_t index)>;
  using Struck = std::function<bool(TestEngine&)>;

  /// Number of faults that struck.
  int64_t Run(const Inject& inject, const Struck& struck) {
    const int64_t stride = options_.random_block ? 1 : kThreadedStride;
    for (int64_t index = 0; index < kFaultsMax; index += stride) {
      SCOPED_TRACE("fault number " + std::to_string(index) + (options_.random_block ? ", blocked at random, " : ", ") + ReplayNote());
      if (!RunOnce(inject, struck, index) || ::testing::Test::HasFailure()) return index;
    }
    ADD_FAILURE() << "the job still meets faults after " << kFaultsMax;
    return kFaultsMax;
  }

 private:
  static constexpr int64_t kFaultsMax = 20000;
  static constexpr int64_t kThreadedStride = 5;

  bool RunOnce(const Inject& inject, const Struck& struck, int64_t index) {
    const int64_t threads = ThreadCount();
    bool met;
    {
      TestEngine host(options_);
      inject(host, index);
      const auto rows = job_.Run(host.engine());
      met = struck(host);
      Check(rows, met);
      host.env().ClearFaults();
      host.engine()->budget()->InjectRefusals(nullptr);
      EXPECT_EQ(host.Leftovers(), "");
    }
    EXPECT_EQ(ThreadCount(), threads);
    return met;
  }

  void Check(const Result<std::vector<std::string>>& rows, bool met) const {
    if (rows.ok()) return ExpectSameRows(*rows, job_.expected);
    EXPECT_TRUE(met) << "failed without a fault: " << rows.status();
    const bool expected = std::find(kinds_.begin(), kinds_.end(), KindOf(rows.status())) != kinds_.end();
    EXPECT_TRUE(expected) << rows.status();
    EXPECT_FALSE(rows.status().message().empty());
  }

  const Job& job_;
  const TestEngineOptions options_;
  const std::vector<ErrorKind> kinds_;
};

int64_t FailEveryCall(const Job& job, const TestEngineOptions& engine, EnvCall call, ErrorKind kind) {
  SCOPED_TRACE(std::string("failing each ") + NameOf(call));
  int64_t before = 0;
  return FaultLoop(job, engine, {kind}).Run(
      [&](TestEngine& host, int64_t index) {
        before = host.env().faults();
        host.env().FailCall(call, index, kind);
      },
      [&](TestEngine& host) { return host.env().faults() > before; });
}

int64_t RefuseEveryCharge(const Job& job, const TestEngineOptions& engine) {
  SCOPED_TRACE("refusing each charge");
  std::unique_ptr<ChargeFaults> faults;
  int64_t refused = 0;
  return FaultLoop(job, engine, {ErrorKind::kBudget}).Run(
      [&](TestEngine& host, int64_t index) {
        faults = std::make_unique<ChargeFaults>(host.engine()->budget());
        faults->RefuseCharge(index);
        refused = index;
      },
      [&](TestEngine&) {
        const bool met = faults->charges() > refused;
        faults.reset();
        return met;
      });
}

class FaultLoops : public ::testing::TestWithParam<JobKind> {};

TEST_P(FaultLoops, EveryRefusedChargeIsTheRightAnswerOrACleanError) {
  const Job job(GetParam());
  for (const auto& engine : Engines(GetParam())) EXPECT_GT(RefuseEveryCharge(job, engine), 10);
}

TEST_P(FaultLoops, EveryFailedCallOfTheEnvironmentIsTheRightAnswerOrACleanError) {
  const Job job(GetParam());
  for (const auto& engine : Engines(GetParam())) {
    EXPECT_GT(FailEveryCall(job, engine, EnvCall::kRead, ErrorKind::kIo), 10);
    EXPECT_GE(FailEveryCall(job, engine, EnvCall::kOpen, ErrorKind::kIo), 3);
    for (const EnvCall call : {EnvCall::kStat, EnvCall::kList, EnvCall::kSync, EnvCall::kRemove, EnvCall::kRename, EnvCall::kClose}) {
      FailEveryCall(job, engine, call, ErrorKind::kIo);
    }
    if (GetParam() == JobKind::kScan) continue;
    for (const ErrorKind kind : {ErrorKind::kIo, ErrorKind::kDiskFull}) {
      EXPECT_GT(FailEveryCall(job, engine, EnvCall::kWrite, kind), 0);
      EXPECT_GT(FailEveryCall(job, engine, EnvCall::kCreate, kind), 0);
    }
    FailEveryCall(job, engine, EnvCall::kSpace, ErrorKind::kIo);
  }
}

std::string NameOf(const ::testing::TestParamInfo<JobKind>& info) {
  constexpr const char* kNames[] = {"Scan", "Shuffle", "ShuffleFromDisk", "Sort", "Group", "Join", "Stages"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(ScanAndShuffle, FaultLoops,
                         ::testing::Values(JobKind::kScan, JobKind::kShuffle, JobKind::kShuffleFromDisk, JobKind::kSort, JobKind::kGroup, JobKind::kJoin, JobKind::kStages),
                         static_cast<std::string (*)(const ::testing::TestParamInfo<JobKind>&)>(NameOf));

TEST(FaultLoopTest, AShortWriteIsDiskFull) {
  const Job job(JobKind::kShuffle);
  for (const auto& engine : Engines(JobKind::kShuffle)) {
    int64_t before = 0;
    const int64_t struck = FaultLoop(job, engine, {ErrorKind::kDiskFull}).Run(
        [&](TestEngine& host, int64_t index) {
          before = host.env().faults();
          host.env().ShortWrite(index);
        },
        [&](TestEngine& host) { return host.env().faults() > before; });
    EXPECT_GT(struck, 0);
  }
}

TEST(FaultLoopTest, EveryThreadThatDoesNotStartIsACleanError) {
  for (int64_t index = 0; index < 4; ++index) {
    const int64_t threads = ThreadCount();
    auto env = FaultEnv::Make(RealEnv());
    TemporaryDirectory directory;
    env->FailCall(EnvCall::kThreadStart, index, ErrorKind::kOther);
    const auto engine = Engine::Make({.num_cpus = 3, .memory_limit_bytes = 64 << 20, .spill_directory = directory.path()}, env);
    EXPECT_EQ(engine.ok(), index == 3);
    EXPECT_TRUE(engine.ok() || ThreadCount() == threads);
    EXPECT_EQ(env->open_files(), 0);
  }
}

TEST(FaultLoopTest, AFlippedBitOfASpilledFrameIsNoticed) {
  const auto batch = RandomBatch(JobSchema(), {.rows = 200, .null_share = 0.1, .seed = 3});
  const auto expected = PlainShuffle(Identify({batch}), 6, 0);
  for (int64_t read = 0;; ++read) {
    TestEngine host({.lanes = 1, .always_spill = true});
    host.env().FlipBit(read, static_cast<int64_t>(Mix64(static_cast<uint64_t>(read)) % (1 << 20)));
    auto run = RunPlan(host.engine(), ShufflePlanNode(TablePlan(JobSchema(), {batch}), SeedKind::kFixed, 6), {});
    const bool met = host.env().faults() > 0;
    if (run.ok()) ExpectSameRows(run->rows, expected);
    else EXPECT_EQ(KindOf(run.status()), ErrorKind::kCorruptData) << run.status();
    run = Status::Cancelled("done");
    EXPECT_EQ(host.Leftovers(), "");
    if (!met) {
      EXPECT_GT(read, 0);
      break;
    }
  }
}

TEST(FaultLoopTest, AStreamDroppedAtAnyBatchLeavesNothing) {
  for (const JobKind kind : {JobKind::kScan, JobKind::kShuffle, JobKind::kSort, JobKind::kGroup, JobKind::kJoin, JobKind::kStages}) {
    const Job job(kind);
    for (const auto& options : Engines(kind)) {
      for (int steps = 0; steps < 7; ++steps) {
        const int64_t threads = ThreadCount();
        TestEngine host(options);
        {
          auto plan = *job.files.Plan(host.engine()->env());
          if (job.shuffled) plan = ShufflePlanNode(plan, SeedKind::kFixed, 6);
          if (IsOfStages(kind)) plan = *StagesOn(kind, plan);
          ExecuteOptions execute;
          execute.batch_rows = 50;
          execute.prefetch_batches = 8;
          auto stream = *Execute(host.engine(), plan, execute);
          for (int step = 0; step < steps; ++step) ASSERT_TRUE(stream->Next(nullptr).ok());
        }
        EXPECT_EQ(host.Leftovers(), "");
        EXPECT_EQ(ThreadCount(), threads);
      }
    }
  }
}

}  // namespace
}  // namespace millstream
