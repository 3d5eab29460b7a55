#include "testing/test_engine.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "base/random.h"
#include "testing/column_oracle.h"
#include "testing/seeded_scheduler.h"

namespace millstream::testing_support {
namespace {

/// The smallest limit under which every engine test's plan is accepted.
constexpr int64_t kMinimumBudgetBytes = 32 << 20;

bool* SwitchOf(HostileSwitches* switches, const std::string& name) {
  if (name == "always_spill") return &switches->always_spill;
  if (name == "always_two_passes") return &switches->always_two_passes;
  if (name == "always_keep_on_disk") return &switches->always_keep_on_disk;
  if (name == "random_block") return &switches->random_block;
  if (name == "shuffle_lanes") return &switches->shuffle_lanes;
  if (name == "one_row") return &switches->one_row;
  return name == "minimum_budget" ? &switches->minimum_budget : nullptr;
}

uint64_t DrawSeed() {
  const char* fixed = std::getenv("MILLSTREAM_TEST_SEED");
  return fixed != nullptr && *fixed != '\0' ? std::strtoull(fixed, nullptr, 10) : std::random_device()();
}

std::string FilesUnder(const std::string& directory) {
  std::string names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) names += " " + entry.path().string();
  }
  return names;
}

}  // namespace

HostileSwitches HostileSwitches::FromEnvironment() {
  HostileSwitches switches;
  const char* text = std::getenv("MILLSTREAM_HOSTILE");
  std::istringstream names(text == nullptr ? "" : text);
  for (std::string name; std::getline(names, name, ',');) {
    bool* found = SwitchOf(&switches, name);
    if (found == nullptr) throw std::invalid_argument("MILLSTREAM_HOSTILE has no switch '" + name + "'");
    *found = true;
  }
  return switches;
}

uint64_t TestSeed() {
  static const uint64_t seed = DrawSeed();
  return seed;
}

std::string ReplayNote() { return "replay with MILLSTREAM_TEST_SEED=" + std::to_string(TestSeed()); }

TestEngine::TestEngine(TestEngineOptions options, std::shared_ptr<FaultEnv> env) : env_(std::move(env)) {
  const auto hostile = HostileSwitches::FromEnvironment();
  EngineOptions made;
  made.num_cpus = options.lanes;
  made.memory_limit_bytes = hostile.minimum_budget ? std::min(options.memory_limit_bytes, kMinimumBudgetBytes) : options.memory_limit_bytes;
  made.spill_directory = directory_.path();
  made.always_spill = options.always_spill || hostile.always_spill;
  made.always_two_passes = options.always_two_passes || hostile.always_two_passes;
  made.always_keep_on_disk = options.always_keep_on_disk || hostile.always_keep_on_disk;
  if (hostile.shuffle_lanes) made.shuffle_lanes = Mix64(TestSeed()) | 1;
  std::shared_ptr<Scheduler> scheduler;
  if (options.random_block || hostile.random_block) scheduler = MakeSeededScheduler({.seed = options.seed, .lanes = options.lanes});
  auto engine = Engine::Make(std::move(made), env_, std::move(scheduler));
  if (!engine.ok()) throw std::runtime_error(engine.status().ToString());
  engine_ = *engine;
}

std::string TestEngine::Leftovers() {
  std::string left;
  const auto budget = engine_->budget();
  if (budget->used_bytes() != 0) left += std::to_string(budget->used_bytes()) + " bytes charged; ";
  if (budget->reserved_bytes() != 0) left += std::to_string(budget->reserved_bytes()) + " bytes reserved; ";
  if (engine_.use_count() != 1) left += std::to_string(engine_.use_count() - 1) + " more references to the engine; ";
  engine_.reset();
  if (env_->open_files() != 0) left += std::to_string(env_->open_files()) + " open files; ";
  const std::string files = FilesUnder(directory_.path());
  return files.empty() ? left : left + "files" + files;
}

std::vector<std::string> RenderBatch(const arrow::RecordBatch& batch) {
  std::vector<std::string> rows(batch.num_rows());
  for (int column = 0; column < batch.num_columns(); ++column) {
    const auto texts = RenderRows(*batch.column(column));
    for (size_t row = 0; row < rows.size(); ++row) rows[row] += batch.schema()->field(column)->name() + "=" + texts[row] + " ";
  }
  return rows;
}

Result<PlanRun> RunPlan(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, ExecuteOptions options) {
  if (HostileSwitches::FromEnvironment().one_row) options.batch_rows = 1;
  ARROW_ASSIGN_OR_RAISE(auto stream, Execute(engine, plan, options));
  return DrainStream(*stream);
}

Result<PlanRun> DrainStream(BatchStream& stream) {
  PlanRun run;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(auto batch, stream.Next(nullptr));
    if (batch.data == nullptr) return run;
    ARROW_RETURN_NOT_OK(batch.data->ValidateFull());
    if (!batch.data->schema()->Equals(*stream.schema(), /*check_metadata=*/true)) return Status::TypeError("a batch has another schema than its stream");
    const auto rows = RenderBatch(*batch.data);
    run.rows.insert(run.rows.end(), rows.begin(), rows.end());
    run.batch_rows.push_back(batch.data->num_rows());
    run.positions.push_back(batch.position);
    run.batches.push_back(std::move(batch.data));
  }
}

std::vector<std::string> PlainShuffle(std::vector<IdentifiedRow> rows, uint64_t seed, uint64_t epoch) {
  const EpochKey key = MakeEpochKey(seed, epoch);
  auto order = [&](const IdentifiedRow& row) {
    return std::make_tuple(MakeSourceKey(key, row.source).KeyOfRow(static_cast<uint64_t>(row.row)), row.source, row.row);
  };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });
  std::vector<std::string> texts;
  for (auto& row : rows) texts.push_back(std::move(row.text));
  return texts;
}

int64_t ThreadCount() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

}  // namespace millstream::testing_support
