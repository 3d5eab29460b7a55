#pragma once
/// What all executions of one engine share: its lanes, its memory, its spill directory.
///
/// There is no global engine: Python keeps one for the process and makes a fresh one after a fork. An inherited engine must not be touched
/// in the child; CheckAlive says so.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "env/env.h"
#include "env/store_env.h"
#include "memory/budget_pool.h"
#include "spill/spill_area.h"
#include "task/scheduler.h"

namespace millstream {

struct EngineOptions {
  int num_cpus = 0;              // lanes; 0: the least of affinity and cgroup quota
  int64_t memory_limit_bytes = 0;  // 0: half of what the cgroup or machine allows
  std::string spill_directory;   // empty: $TMPDIR or /tmp, in a folder of its own
  bool always_spill = false;     // hostile switches for tests
  bool always_two_passes = false;
  bool always_keep_on_disk = false;  // whatever the source; implies always_spill
  uint64_t shuffle_lanes = 0;    // the scheduler's hostile seed
};

/// Memory that somebody holds for later and can do without.
class SpareMemory {
 public:
  virtual ~SpareMemory() = default;
  /// Gives it back before it returns. Called from any thread that is not a lane.
  virtual void GiveUp() = 0;
};

class Engine {
 public:
  static Result<std::shared_ptr<Engine>> Make(EngineOptions options, std::shared_ptr<Env> env = WithStores(RealEnv()),
                                              std::shared_ptr<Scheduler> scheduler = nullptr);
  ~Engine();

  const EngineOptions& options() const { return options_; }
  const std::shared_ptr<Env>& env() const { return env_; }
  const std::shared_ptr<Scheduler>& scheduler() const { return scheduler_; }
  const std::shared_ptr<Budget>& budget() const { return budget_; }
  const std::shared_ptr<PageArena>& arena() const { return arena_; }

  /// A pool with a ledger of its own.
  Result<std::shared_ptr<BudgetPool>> OpenPool(std::string ledger_name, int64_t floor_bytes) const;
  /// The spill area, opened at the first call.
  Result<std::shared_ptr<SpillArea>> spill();

  void AddSpareMemory(std::weak_ptr<SpareMemory> holder);
  /// For whoever is about to start an execution: everybody but `asker` gives up what is spare, unless most of the limit is free.
  void ReclaimSpareMemory(const SpareMemory* asker);

  /// Joins the lanes for good. A stream left open gives no more batches; whoever waits for one must look at CheckAlive meanwhile.
  void Close();
  /// kStale once closed, and in a child of the process that made the engine.
  Status CheckAlive() const;

 private:
  Engine() = default;
  EngineOptions options_;
  std::shared_ptr<Env> env_;
  std::shared_ptr<Scheduler> scheduler_;
  std::shared_ptr<Budget> budget_;
  std::shared_ptr<PageArena> arena_;
  std::mutex mutex_;
  std::shared_ptr<SpillArea> spill_;  // guarded by mutex_, as is what follows
  std::vector<std::weak_ptr<SpareMemory>> spare_;
  int64_t process_id_ = 0;
  std::atomic<bool> closed_{false};
};

}  // namespace millstream
