#pragma once
/// From a logical plan to a running stream.
///
/// The chain is folded, from the source up, into one row program over the source's columns (filters and projections commute with a shuffle, whose keys come
/// from the source's rows), at most one shuffle, and what must happen after it: limits, and the row-wise stages above them.

#include <memory>
#include <string>

#include "exec/batch_stream.h"
#include "exec/engine.h"
#include "plan/logical_plan.h"

namespace millstream {

struct ExecuteOptions {
  uint64_t seed = 0;    // of shuffles without one of their own (plan/shuffle_seeds.h), and of what functions draw; RunSeedOf(plan), or that of a state
  uint64_t epoch = 0;
  int64_t batch_rows = 1024;
  bool drop_last = false;
  int prefetch_batches = 1;
  bool preserve_order = true;
  bool has_resume = false;
  StreamPosition resume;
  int64_t rows_delivered = 0;  // before the resume
  int64_t memory_kept_bytes = 0;  // of the limit, which the caller keeps for itself: the execution is planned for the rest
  int64_t window_bytes_max = INT64_MAX;  // that rows which are read in order are handed over in: a batch keeps its window from being freed
};

Result<std::unique_ptr<BatchStream>> Execute(std::shared_ptr<Engine> engine, const PlanPtr& plan, const ExecuteOptions& options);

struct FoldedPlan;
class ScatterPhase;
struct ShuffleStreamOptions;

/// What is known of a pass after the one that is opened.
enum class NextPass : uint8_t {
  kNone,      // there will be none
  kPossible,  // rows stay decoded in memory where they fit, unless the pass is left before its end
  kExpected,  // rows stay; and where memory holds two epochs, it is prepared up to its first batches while a consumer takes its time over this one
};

/// The passes of one iterator over a plan, one after the other.
///
/// What is held for a next pass is given up as soon as another execution of the engine needs the memory. One caller at a time.
class Passes {
 public:
  Passes(std::shared_ptr<Engine> engine, PlanPtr plan);
  ~Passes();
  /// The stream may outlive the passes.
  Result<std::unique_ptr<BatchStream>> Open(const ExecuteOptions& options, NextPass next);
  /// Gives up what is held for the next one. Blocks until its lanes have stopped.
  void Close();

 private:
  class Ahead;
  struct Epoch;
  Result<Epoch> TakeEpoch(const FoldedPlan& folded, const ShuffleStreamOptions& options, NextPass next);
  Result<Epoch> MakeEpoch(const FoldedPlan& folded, const ShuffleStreamOptions& options, std::shared_ptr<ScatterPhase> earlier, NextPass next);
  void Prepare(const FoldedPlan& folded, ShuffleStreamOptions options, const std::shared_ptr<ScatterPhase>& running);

  std::shared_ptr<Engine> engine_;
  PlanPtr plan_;
  std::shared_ptr<Ahead> ahead_;
};

/// What an execution would do: how many bytes are read, decoded, kept and spilled, in how many passes, within which memory.
Result<std::string> ExplainExecution(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options);

}  // namespace millstream
