#pragma once
/// The calls of one stage's function, or functions (function_chain.h): what the stage asks for, and what those who serve it give.
///
/// The stage adds calls in the order of their batches and takes results in that order. Servers take calls one at a time, on any thread, and give each its
/// result, in any order, or in parts. Bounded by the stage: it adds no call before it has room for one.
///
/// Memory: the batches of calls and results count for the ledger while they are here. They exist already when they come, so they are never refused; the stage
/// looks at `short_of_memory` before it adds the next call. Parts of a result wait for room in what the ledger has reserved, but for the one that is wanted next.

#include <arrow/record_batch.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/random.h"
#include "exec/batch_stream.h"
#include "exec/stage_statistics.h"
#include "exec/stream_task.h"
#include "memory/budget.h"

namespace millstream {

using RecordBatches = std::vector<std::shared_ptr<arrow::RecordBatch>>;
struct SkippedErrors;
/// The next batch of a result, null at the end, and what was skipped on the way to it. One caller at a time.
using NextBatch = std::function<Result<std::shared_ptr<arrow::RecordBatch>>(SkippedErrors* skipped)>;

struct FunctionCall {
  int64_t number = 0;  // of the call, from 0 on
  std::shared_ptr<arrow::RecordBatch> batch;
  int64_t rows = 0;  // of it
  uint32_t source = 0;
  // In its source; between the two there may be more rows than the batch has, where others were filtered out.
  int64_t begin_row = 0;
  int64_t end_row = 0;
  std::shared_ptr<const std::vector<int64_t>> group_starts;  // of the batch's groups, where it is cut into such; else null
  int step = 0;  // which of the stage's functions it is for
};

/// What a source is called in messages: a path, or what its rows are.
using NameSource = std::function<std::string(uint32_t source)>;

/// What messages and statistics say of a function of the stage.
struct CalledFunction {
  std::string stage;
  NameSource name_source;  // of the rows that it is given
};

/// An error that the function ended with on some rows of a call, which are left out of its result.
struct SkippedError {
  // Of the call's batch; negative where all of it is left out.
  int64_t first_row = -1;
  int64_t last_row = -1;
  int64_t rows = 0;  // filled in when it is given
  std::string error;
  std::string traceback;
  // Of what a reader of files passed over: its rows are numbered by nobody.
  bool of_file = false;
  int64_t byte = -1;       // where it begins; negative where that is not known
  std::string path = {};   // empty: the call's source
  bool recorded = true;    // else it is counted alone
};

/// What a call skipped. Counted when its result is taken, and so in the order of the batches, whoever was done first.
struct SkippedErrors {
  std::vector<SkippedError> errors;
  int64_t errors_max = -1;  // of all calls; negative: any number
  Status too_many;          // the last one of `errors`, to be raised where they come to more
};

struct FunctionResult {
  Status status;
  RecordBatches batches;
  NextBatch more;  // what comes after them, made when it is wanted; may be null
  uint32_t source = 0;
  SkippedErrors skipped = {};  // in rows of the source
  int step = 0;                // that skipped them
};

class FunctionCalls {
 public:
  /// `functions`: those of the stage, in the order in which they are called; one at least.
  FunctionCalls(std::shared_ptr<Engine> engine, std::vector<CalledFunction> functions, std::shared_ptr<Ledger> ledger, const EpochKey& epoch);

  // ---- who serves ----
  /// The next call; blocks, looking at `interrupted` every 50 ms. Nothing once closed, interrupted or poked.
  std::optional<FunctionCall> Take(const std::function<bool()>& interrupted);
  /// The same for a task on a lane: where nothing is there the waker is kept. `closed` tells that there will be nothing.
  std::optional<FunctionCall> TryTake(const Waker& waker, bool* closed);
  /// The next call if there is one now.
  std::optional<FunctionCall> TryTake();
  void Give(int64_t number, Result<RecordBatches> batches, NextBatch more = nullptr, SkippedErrors skipped = {});
  /// A result of several parts, one at least. Skipped errors are in rows of the source already.
  void GiveInParts(int64_t number, std::vector<FunctionResult> parts);
  /// Part of a result that goes on: Give comes behind the last one. Blocks until there is room for it; false where nothing is wanted any more.
  bool GivePart(int64_t number, RecordBatches batches);
  /// Charges for these batches in place of what the call has been charged for.
  void Hold(int64_t number, const RecordBatches& batches);
  /// So many more calls wait for later ones, or fewer: the stage makes room for as many.
  void AddHeld(int64_t calls);
  /// Has servers look whether there is something else for them to do: one at least, be it one that is about to wait. Take gives it nothing, and TryTake
  /// calls its waker.
  void Poke();
  /// How many calls there are, once no more will be added; else negative.
  int64_t calls_total() const;
  /// The name of the function that the call is for.
  const std::string& stage(const FunctionCall& call) const { return statistics_[static_cast<size_t>(call.step)].name; }
  /// What all servers together may keep from one call to the next: as much as the stage has reserved.
  int64_t spare_bytes() const { return spare_bytes_; }
  /// Whether results are still wanted: who works on a call may look, and give up.
  bool closed() const;
  /// Which rows the call is about, or its row `row` from 0 on where that is not negative, for messages.
  std::string Origin(const FunctionCall& call, int64_t row = -1) const;
  const std::shared_ptr<Engine>& engine() const { return core_.engine(); }
  /// A number for the call alone: from the epoch, and the place of its batch.
  uint64_t RandomKey(const FunctionCall& call) const;
  /// Whether nobody waits for results any more.
  bool cancelled() const { return core_.cancellation().cancelled(); }
  /// What tasks that serve must count themselves with.
  StreamCore& core() { return core_; }
  StageStatistics& statistics(int step = 0) { return statistics_[static_cast<size_t>(step)]; }
  StageStatistics& last_statistics() { return statistics_.back(); }
  int steps() const { return static_cast<int>(statistics_.size()); }
  /// Tells of the errors in rows of the source.
  static void NumberInSource(const FunctionCall& call, SkippedErrors* skipped);

  // ---- the stage ----
  void Add(StreamBatch batch);
  /// No more calls will be added.
  void End();
  /// Calls added whose results have not been taken, but for those that wait for later calls.
  int64_t under_way() const;
  bool short_of_memory() const;
  /// The next result in order; null at the end, nothing where it is to come: then the waker is kept as the consumer's.
  std::optional<std::unique_ptr<FunctionResult>> TryTakeResult(const Waker& waker);
  /// Adds what the result skipped, or goes on to skip, to the letters; that becomes the error where it is more than may be.
  void CountSkipped(FunctionResult* result);
  /// Ends what waits in Take, and frees what is held and reserved, whoever serves still. Results that come later are dropped.
  void Close();

 private:
  struct Done {
    FunctionResult result;
    int64_t bytes;
  };
  struct Taken {
    FunctionCall call;  // without its batch
    int64_t bytes;
  };
  std::optional<FunctionCall> TakeLocked();
  /// One that waits, to be woken once the lock is no longer held; may be null.
  Waker TakeServerLocked();
  void GiveLocked(const Taken& call, std::vector<FunctionResult> parts);
  /// Charges for a part where it may come now.
  bool MakeRoomLocked(int64_t number, int64_t bytes);
  /// What comes next of the call whose result is wanted.
  std::optional<Done> TakeDoneLocked();

  StreamCore core_;
  std::deque<StageStatistics> statistics_;   // one a function
  std::vector<NameSource> name_sources_;
  const std::shared_ptr<Ledger> ledger_;
  const int64_t spare_bytes_;
  const EpochKey epoch_;
  mutable std::mutex mutex_;
  std::condition_variable added_;
  std::condition_variable room_;  // for parts
  // Guarded by mutex_:
  std::deque<FunctionCall> waiting_;
  std::map<int64_t, Taken> taken_;  // by number
  std::map<int64_t, Done> done_;
  std::map<int64_t, std::deque<Done>> parts_;  // before what is done, by number
  std::vector<Waker> servers_;
  uint32_t last_source_ = 0;
  int64_t last_row_ = 0;  // of the last source, that a call was about
  int64_t added_count_ = 0;
  int64_t given_out_ = 0;
  int64_t held_bytes_ = 0;
  int64_t held_calls_ = 0;  // that wait for later ones
  bool short_of_memory_ = false;
  bool ended_ = false;
  bool closed_ = false;
  bool poked_ = false;
};

}  // namespace millstream
