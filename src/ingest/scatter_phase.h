#pragma once
/// The write phase of one epoch: lanes move rows into a ShuffleStore until the input is used up.
///
/// The input is the scan, or the rows of an earlier epoch where its store holds them all in memory: then nothing is decoded again. Where memory cannot hold
/// them they may be kept on disk: then the lanes write what they scan there first, a column of a piece at a time, and this epoch and later ones are made from it.
///
/// It may be started early at low priority, to prepare an epoch while the one before is consumed: then it takes only memory that is free, waits when there
/// is none, and never spills. Promote makes it an ordinary one.

#include <memory>
#include <vector>

#include "exchange/shuffle_store.h"
#include "exec/rescatter_lane.h"
#include "exec/scatter_lane.h"
#include "exec/shared_input.h"
#include "exec/stream_task.h"
#include "ingest/shuffle_plan.h"

namespace millstream {

class ScatterPhase : public std::enable_shared_from_this<ScatterPhase> {
 public:
  struct Inputs {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<const ScanSource> source;  // null where rows come from `stream`
    std::shared_ptr<SharedInput> stream;
    std::shared_ptr<const RowProgram> program;
    ShufflePlan plan;
    EpochKey epoch;
    std::shared_ptr<const SortOrder> sort;  // null: rows are shuffled
    uint64_t lowest_key = 0;  // of a resume
    int64_t resident_bytes_max = 0;  // of rows that have not been spilled; 0: what the limit leaves
    int64_t first_pass_bytes = 0;    // ShuffleSizes
    std::string source_name;
    std::string stage_name = "RandomShuffle";
  };
  /// The epoch that rows may come from.
  struct Earlier {
    std::shared_ptr<ScatterPhase> phase;
    /// Where nobody else needs its rows any more.
    bool free_as_moved = true;
  };

  /// Reserves the lanes' floors.
  static Result<std::shared_ptr<ScatterPhase>> Make(Inputs inputs, Earlier earlier);

  /// Does nothing when it has been started before. May be called on a lane.
  Status Start(Priority priority);
  /// What was started at low priority runs at normal priority from now on, and may spill. Idempotent.
  void Promote();
  /// What lanes do for this epoch now.
  Priority priority() const { return urgent_ ? Priority::kNormal : Priority::kLow; }
  /// Calls `done` once the last lane has handed its rows over, on that lane, or at once if that is so already. Not called after an error.
  void WhenFinished(std::function<void()> done);
  bool finished() const { return lanes_running_ == 0; }
  /// Calls `call` once the consumer turns out to be slower than the lanes, which then have time for something else. On the consumer's thread.
  void WhenConsumerIsSlower(std::function<void()> call);
  void ConsumerIsSlower();
  bool consumer_is_slower() const { return slower_; }
  /// Finished, and all rows of the plan are in memory, so that another epoch can be made from them.
  bool HoldsAllRows() const { return finished() && inputs_.lowest_key == 0 && store_ != nullptr && store_->all_resident(); }

  /// Asks that the rows outlive the stream that reads them, until EndKeeping; where it is left before its end only if `also_if_left`. Before that stream is opened.
  void KeepRows(bool also_if_left);
  /// Leaves the earlier epoch's rows where they are until all have been moved. Before Start.
  void KeepEarlierWhole() { earlier_.free_as_moved = false; }
  /// Asks that rows be written to disk as they are scanned, for this epoch and later ones; unless the earlier one has them. Before Start.
  void KeepOnDisk() { keep_on_disk_ = true; }
  /// All rows, decoded, on disk; null where they are not kept there, or not yet. They outlive the stream.
  std::shared_ptr<ShuffleStore> disk_rows();
  /// The stream needs the rows no more: gives everything back, or where rows are kept, all but those. `at_end`: it gave its last batch.
  void EndStream(bool at_end);
  bool stream_ended();
  /// Nothing more is to be read, kept rows aside: what was reserved for it is free.
  void ReturnFloors();
  /// Nobody else needs the rows: what the stream needs goes with it.
  void EndKeeping();

  StreamCore& core() { return core_; }
  ShuffleStore& store() { return *store_; }
  bool keeps_rows() const { return kept_; }
  const Inputs& inputs() const { return inputs_; }
  /// CPU time of a whole scan of the plan's rows; 0 where this phase did not make one.
  int64_t scan_nanoseconds() const { return finished() && !from_store_ ? scan_.cpu_nanoseconds.load() : 0; }
  /// Of what brings rows in, and of the shuffle.
  std::vector<const StageStatistics*> stages() const;
  StageStatistics& shuffle_statistics() { return shuffle_; }
  const std::vector<ScatterLane::Pools>& pools() const { return pools_; }
  void UpdateStatistics();
  /// Stops the lanes, waits for them and gives everything back. Idempotent.
  void Release();

 private:
  friend class ScatterTask;
  explicit ScatterPhase(Inputs inputs);
  /// Room for a step while this is being prepared: leaves what the running epoch may still want.
  bool MayStep(const ShuffleLane& lane) const;
  Status RunLane(ShuffleLane& lane, const Waker& waker, LaneStep* did);
  void LaneFinished();
  void ReleaseLocked();
  std::unique_ptr<ShuffleLane> MakeLane(uint32_t lane);
  /// Prepares to take rows from the earlier epoch, if it holds them and memory has room; the number of lanes to do so, else 0.
  int BeginFromEarlier();
  int BeginFrom(ShuffleStore* rows);
  /// Prepares to write the scan's rows to disk.
  Status BeginKeeping();
  /// They are there, or the disk has become full: goes on with the shuffle itself.
  Status EndKeepingOnDisk();
  Status SubmitLanes(int lanes, Priority priority);
  Status Submit(std::unique_ptr<ShuffleLane> lane, Priority priority);

  Inputs inputs_;
  StreamCore core_;
  StageStatistics scan_;
  StageStatistics kept_output_{"KeepRows"};
  StageStatistics kept_input_{"KeptRows"};
  StageStatistics shuffle_;
  std::vector<ScatterLane::Pools> pools_;  // before the store, whose arrays they hold
  std::unique_ptr<ShuffleStore> store_;
  std::unique_ptr<ScanCursor> cursor_;
  Earlier earlier_;
  std::unique_ptr<ChunkCursor> chunks_;
  std::atomic<bool> keep_on_disk_{false};
  std::atomic<bool> keeping_{false};
  std::atomic<int> lanes_keeping_{0};
  std::atomic<bool> disk_full_{false};
  std::atomic<bool> from_store_{false};
  std::atomic<int> lanes_running_{0};
  std::atomic<bool> urgent_{true};
  std::atomic<bool> kept_{false};
  std::atomic<bool> kept_if_left_{false};
  std::atomic<bool> slower_{false};
  std::mutex mutex_;
  // Guarded by mutex_:
  bool started_ = false;
  bool stream_ended_ = false;
  std::shared_ptr<ShuffleStore> disk_rows_;  // lanes look at it without the lock; complete once keeping_ is false
  int64_t disk_read_before_ = 0;             // of them, by earlier epochs
  std::vector<std::function<void()>> done_;
  std::function<void()> consumer_is_slower_;
};

}  // namespace millstream
