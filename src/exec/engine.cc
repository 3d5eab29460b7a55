#include "exec/engine.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "memory/host_limits.h"

namespace millstream {
namespace {

std::string DefaultSpillDirectory() {
  const char* temporary = std::getenv("TMPDIR");
  return std::string(temporary != nullptr && *temporary != '\0' ? temporary : "/tmp") + "/millstream-spill";
}

constexpr int64_t kReadAheadBytesMax = 64 << 20;
constexpr int64_t kReadAheadShare = 16;  // of the limit

/// Kept for as long as there is an engine. None where the memory is taken.
ReadAheadMemory OpenReadAhead(const std::shared_ptr<Budget>& budget, const std::shared_ptr<PageArena>& arena) {
  const int64_t bytes = std::min(budget->limit_bytes() / kReadAheadShare, kReadAheadBytesMax);
  auto ledger = Budget::Open(budget, "read ahead", bytes);
  if (!ledger.ok()) return {};
  return {BudgetPool::Make(std::move(*ledger), arena), bytes};
}

}  // namespace

Result<std::shared_ptr<Engine>> Engine::Make(EngineOptions options, std::shared_ptr<Env> env, std::shared_ptr<Scheduler> scheduler) {
  if (options.num_cpus < 0) return MakeError(ErrorKind::kInvalidArgument, "num_cpus must be at least 1, got " + std::to_string(options.num_cpus));
  if (options.memory_limit_bytes < 0) return MakeError(ErrorKind::kInvalidArgument, "memory_limit must be positive");
  if (options.num_cpus == 0) options.num_cpus = UsableCpus();
  if (options.memory_limit_bytes == 0) options.memory_limit_bytes = UsableMemoryBytes() / 2;
  if (options.spill_directory.empty()) options.spill_directory = DefaultSpillDirectory();
  options.always_spill |= options.always_keep_on_disk;
  std::shared_ptr<Engine> engine(new Engine());
  engine->options_ = std::move(options);
  engine->env_ = std::move(env);
  engine->budget_ = Budget::Make(engine->options_.memory_limit_bytes);
  engine->arena_ = PageArena::Make(engine->options_.memory_limit_bytes, PageArena::Backing::kCheapest);
  engine->process_id_ = getpid();
  if (scheduler == nullptr) {
    ARROW_ASSIGN_OR_RAISE(scheduler, MakeThreadScheduler(engine->options_.num_cpus, engine->env_, engine->options_.shuffle_lanes));
  }
  engine->scheduler_ = std::move(scheduler);
  engine->env_->UseReadAhead([budget = engine->budget_, arena = engine->arena_] { return OpenReadAhead(budget, arena); });
  return engine;
}

Engine::~Engine() {
  if (scheduler_ != nullptr && process_id_ == getpid()) scheduler_->Shutdown();
}

Result<std::shared_ptr<BudgetPool>> Engine::OpenPool(std::string ledger_name, int64_t floor_bytes) const {
  ARROW_ASSIGN_OR_RAISE(auto ledger, Budget::Open(budget_, std::move(ledger_name), floor_bytes));
  return BudgetPool::Make(std::move(ledger), arena_);
}

Result<std::shared_ptr<SpillArea>> Engine::spill() {
  std::lock_guard lock(mutex_);
  if (spill_ == nullptr) {
    SpillOptions spill;
    spill.directory = options_.spill_directory;
    ARROW_ASSIGN_OR_RAISE(spill_, SpillArea::Open(std::move(spill), env_));
  }
  return spill_;
}

void Engine::AddSpareMemory(std::weak_ptr<SpareMemory> holder) {
  std::lock_guard lock(mutex_);
  std::erase_if(spare_, [](const auto& each) { return each.expired(); });
  spare_.push_back(std::move(holder));
}

void Engine::ReclaimSpareMemory(const SpareMemory* asker) {
  if (budget_->free_bytes() > budget_->limit_bytes() / 2) return;
  std::vector<std::shared_ptr<SpareMemory>> holders;
  {
    std::lock_guard lock(mutex_);
    for (const auto& each : spare_) {
      auto holder = each.lock();
      if (holder != nullptr && holder.get() != asker) holders.push_back(std::move(holder));
    }
  }
  for (const auto& holder : holders) holder->GiveUp();
}

void Engine::Close() {
  if (!CheckAlive().ok()) return;
  closed_ = true;
  scheduler_->Shutdown();
  env_->StopThreads();
}

Status Engine::CheckAlive() const {
  if (closed_) return MakeError(ErrorKind::kStale, "this engine was shut down; iterate anew, which makes a fresh one");
  if (process_id_ == getpid()) return Status::OK();
  return MakeError(ErrorKind::kStale,
                   "this engine belongs to process " + std::to_string(process_id_) +
                       ", from which this process was forked; make the data set's iterator anew in the child");
}

}  // namespace millstream
