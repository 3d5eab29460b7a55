#pragma once
/// The lanes of a scan in order: each reads a task's windows into the task's queue, from which the consumer takes them.
///
/// At most `lanes + 1` tasks are under way, and a lane stops when it has read as many windows ahead of the consumer as the plan has memory for. So nobody
/// is refused memory while the plan's estimates hold. Where rows turn out larger, a refused lane begins its window again when memory is there, and from then
/// on only the oldest task is read: the other lanes give back what they hold and read it again later. If that is not enough, windows become smaller; an
/// error is left for a row or page that does not fit the limit at all.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "exec/stream_task.h"
#include "ingest/scan_plan.h"
#include "ingest/scan_stream.h"
#include "ingest/window_batcher.h"
#include "ops/scan_rows.h"

namespace millstream {

/// What the lanes and the consumer of one stream share.
struct ScanState {
  ScanState(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> scan_source, std::shared_ptr<const RowProgram> row_program)
      : core(std::move(engine)), source(std::move(scan_source)), program(std::move(row_program)) {}

  struct Lane {
    std::shared_ptr<BudgetPool> reading;
    std::shared_ptr<Ledger> windows;
    // Guarded by the state's mutex:
    int64_t windows_out = 0;  // read and not taken by the consumer
    bool has_task = false;
  };
  struct QueuedWindow {
    ReadyWindow window;
    int64_t begin_row;  // in its source
    size_t lane;
  };
  struct TaskQueue {
    std::deque<QueuedWindow> windows;
    int64_t next_row = 0;  // in its source, to be read next
    bool finished = false;
  };

  StreamCore core;
  const std::shared_ptr<const ScanSource> source;
  const std::shared_ptr<const RowProgram> program;
  ScanStreamOptions options;
  std::vector<ScanTask> tasks;
  /// Rows of each task's unit before it, where all of them are kept: windows end with batches then, which need no copy.
  std::vector<int64_t> rows_before;
  ScanPlan plan;
  StageStatistics scan{"ReadParquet"};
  StageStatistics output{"Batches"};
  std::vector<Lane> lanes;
  std::shared_ptr<Ledger> batches;

  std::mutex mutex;
  // Guarded by mutex:
  size_t next_task = 0;            // that no lane has had
  size_t oldest_task = 0;          // the consumer's
  std::set<size_t> returned;       // to be read on
  std::map<size_t, TaskQueue> queues;
  int64_t window_rows = 0;
  size_t windows_read = 0;
  bool one_at_a_time = false;      // only the oldest task is read; see TakeTurns
  bool consumer_waits = false;     // for windows
  bool consumer_refused = false;   // memory for a batch: everyone gives back

  /// The methods need the mutex.
  /// From now on only the oldest task is read. Floors, which turned out to be of the wrong sizes, are given up: whoever's turn it is may have all.
  void TakeTurns();
  bool MustGiveBack(size_t task) const { return consumer_refused || (one_at_a_time && task != oldest_task); }
  /// Whether anyone but `lane` holds rows that the consumer does not wait for, or may come to.
  bool OthersHold(size_t lane) const;
  /// Moves ready windows to the batcher while it has less than a batch; true at the end of the input.
  bool Drain(WindowBatcher* batcher);
  bool AnyReady() const;
};

class ScanLane : public Task {
 public:
  ScanLane(const std::shared_ptr<ScanState>& state, size_t lane) : count_(state->core), state_(state), lane_(lane) {}
  Step Run(const Waker& waker) override;

 private:
  /// With the lock held. Those that take a waker give nothing where the lane can go on, else the step to end with.
  std::optional<Step> TakeTask(const Waker& waker);
  std::optional<Step> WaitForRoom(const Waker& waker);
  /// Returns the tasks whose rows the lane must not hold now; true if there were any.
  bool GiveBack();

  /// Begins the window again, later or smaller, or fails.
  Step AfterRefusal(const Status& refusal, const Waker& waker);
  Status ReadWindow();
  Status OpenTask(int64_t window_rows);
  /// Leaves out the rows that were consumed before the resume.
  size_t UnitOf(size_t task) const;
  void DropConsumed(ReadyWindow* ready) const;
  ScanState::Lane& lane() { return state_->lanes[lane_]; }

  TaskCount count_;
  std::shared_ptr<ScanState> state_;
  const size_t lane_;
  size_t task_ = 0;
  int64_t next_row_ = 0;            // in the task's source
  std::unique_ptr<TaskRows> rows_;  // null where the task is to be opened, at next_row_
};

}  // namespace millstream
