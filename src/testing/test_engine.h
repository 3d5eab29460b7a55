#pragma once
/// An engine for tests, with everything around it, and the hostile switches that force its rare paths.
///
///   TestEngine host({.always_spill = true});
///   auto run = *RunPlan(host.engine(), plan, {.batch_rows = 7});
///   EXPECT_EQ(run.rows, expected);
///   EXPECT_EQ(host.Leftovers(), "");   // after the streams have gone
///
/// MILLSTREAM_HOSTILE, a comma-separated list of always_spill, always_two_passes, always_keep_on_disk, random_block, shuffle_lanes, one_row, minimum_budget, adds switches
/// to every TestEngine; MILLSTREAM_TEST_SEED fixes TestSeed. Only tests read them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exec/engine.h"
#include "ingest/execute.h"
#include "testing/fault_env.h"
#include "testing/temporary_directory.h"

namespace millstream::testing_support {

struct TestEngineOptions {
  int lanes = 2;
  int64_t memory_limit_bytes = 512 << 20;
  bool always_spill = false;
  bool always_two_passes = false;
  bool always_keep_on_disk = false;
  bool random_block = false;  // one thread, tasks in an order drawn from `seed`
  uint64_t seed = 1;
};

/// Switches of MILLSTREAM_HOSTILE that this process runs under.
struct HostileSwitches {
  bool always_spill = false;
  bool always_two_passes = false;
  bool always_keep_on_disk = false;
  bool random_block = false;
  bool shuffle_lanes = false;
  bool one_row = false;
  bool minimum_budget = false;
  /// Throws std::invalid_argument for an unknown name, so that a misspelt switch does not pass as a run.
  static HostileSwitches FromEnvironment();
};

/// The seed of this run: MILLSTREAM_TEST_SEED, else a fresh one, the same all through the process. Tests put it into their traces.
uint64_t TestSeed();
/// "replay with MILLSTREAM_TEST_SEED=...", for SCOPED_TRACE.
std::string ReplayNote();

class TestEngine {
 public:
  /// Throws std::runtime_error when the engine cannot be made.
  explicit TestEngine(TestEngineOptions options = {}, std::shared_ptr<FaultEnv> env = FaultEnv::Make(RealEnv()));

  const std::shared_ptr<Engine>& engine() const { return engine_; }
  FaultEnv& env() { return *env_; }
  const TemporaryDirectory& directory() const { return directory_; }
  /// Ends the engine, then says what it left behind: charged bytes, open files, files in its spill directory. Empty when nothing.
  std::string Leftovers();

 private:
  TemporaryDirectory directory_;
  std::shared_ptr<FaultEnv> env_;
  std::shared_ptr<Engine> engine_;
};

/// What a run gave: each row as text (columns joined), the size of each batch, and the position after it.
struct PlanRun {
  std::vector<std::string> rows;
  std::vector<int64_t> batch_rows;
  std::vector<StreamPosition> positions;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
};

/// Runs a plan to its end. Every batch is validated in full and must have the stream's schema. Under one_row, batches have one row.
Result<PlanRun> RunPlan(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, ExecuteOptions options);

/// The rest of a stream that is open.
Result<PlanRun> DrainStream(BatchStream& stream);

/// Each row of a batch as text, by the plain renderer of column_oracle.h.
std::vector<std::string> RenderBatch(const arrow::RecordBatch& batch);

/// A row with its identity; what the plain shuffle sorts.
struct IdentifiedRow {
  uint32_t source;
  int64_t row;
  std::string text;
};

/// The order of docs/order.md, said plainly: rows sorted by (key, source, row).
std::vector<std::string> PlainShuffle(std::vector<IdentifiedRow> rows, uint64_t seed, uint64_t epoch);

/// Lines of /proc/self/task: the threads of this process.
int64_t ThreadCount();

}  // namespace millstream::testing_support
