#pragma once
/// The write phase of one epoch: lanes move rows into a ShuffleStore until the input is used up.
///
/// It may be started early at low priority, to prepare an epoch while the one before is consumed: then it takes only memory that is free, waits when there
/// is none, and never spills. Promote makes it an ordinary one.

#include <memory>
#include <vector>

#include "exchange/shuffle_store.h"
#include "exec/scatter_lane.h"
#include "exec/stream_task.h"
#include "ingest/shuffle_plan.h"

namespace millstream {

class ScatterPhase : public std::enable_shared_from_this<ScatterPhase> {
 public:
  struct Inputs {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<const ScanSource> source;
    std::shared_ptr<const RowProgram> program;
    ShufflePlan plan;
    EpochKey epoch;
    uint64_t lowest_key = 0;  // of a resume
    std::string source_name;
  };

  /// Reserves the lanes' floors.
  static Result<std::shared_ptr<ScatterPhase>> Make(Inputs inputs);

  Status Start(Priority priority);
  /// What was started at low priority runs at normal priority from now on, and may spill. Idempotent.
  void Promote();
  /// Calls `done` once the last lane has handed its rows over, on that lane, or at once if that is so already. Not called after an error.
  void WhenFinished(std::function<void()> done);
  bool finished() const { return lanes_running_ == 0; }

  StreamCore& core() { return core_; }
  ShuffleStore& store() { return *store_; }
  const Inputs& inputs() const { return inputs_; }
  StageStatistics& scan_statistics() { return scan_; }
  StageStatistics& shuffle_statistics() { return shuffle_; }
  void UpdateStatistics();
  /// Stops the lanes, waits for them and gives everything back. Idempotent.
  void Release();

 private:
  friend class ScatterTask;
  explicit ScatterPhase(Inputs inputs);
  /// Room for a step while this is being prepared: leaves what the running epoch may still want.
  bool MayStep(const ScatterLane& lane) const;
  void LaneFinished();
  Status Submit(std::unique_ptr<ScatterLane> lane, Priority priority);

  Inputs inputs_;
  StreamCore core_;
  StageStatistics scan_;
  StageStatistics shuffle_{"RandomShuffle"};
  std::vector<ScatterLane::Pools> pools_;  // before the store, whose arrays they hold
  std::unique_ptr<ShuffleStore> store_;
  std::unique_ptr<ScanCursor> cursor_;
  std::atomic<int> lanes_running_{0};
  std::atomic<bool> urgent_{true};
  std::mutex mutex_;
  std::function<void()> done_;  // guarded by mutex_
};

}  // namespace millstream
