#pragma once
/// Several functions as one stage: each batch goes through all of them before its result is given, without a queue, a task or a cut of batches between two.
///
/// Each function sees what it would as a stage of its own: the same batches, under the same numbers, brought to the schema of the results below; and what it gives,
/// fails on or skips is told under its own name. What is to come in the order of the batches, such as a function that is called once at a time, passes a gate: work
/// whose turn it is not is laid aside, for whoever passes the gate before it to go on with. So a server never waits for another, and results do not depend on how
/// many there are.
///
/// Servers, on lanes or threads, take work and run it as far as it goes:
///
///     while (auto work = chain->Take()) chain->Run(std::move(work), nullptr);
///
/// Functions that only the server can call (`by_server`) are called between two Runs: of Python's, whose threads are ended in the middle of a call when the
/// interpreter ends, and must have no frame of C++ below it then.
///
/// Bounded as its calls are: work is laid aside, or held for the schema, for calls under way alone, and is charged as theirs.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plan/batch_function.h"
#include "udf/function_calls.h"
#include "udf/function_step.h"
#include "udf/schema_finder.h"

namespace millstream {

using BatchFunctions = std::vector<std::shared_ptr<const BatchFunction>>;

/// A call on its way through the functions. Whoever has it works on it.
struct ChainWork {
  /// A batch, or what the function `letters_of` skipped or failed with there.
  struct Item {
    FunctionCall call;
    int letters_of = -1;
    SkippedErrors skipped = {};
    Status status = {};
  };
  enum class Phase : uint8_t { kToCall, kCalling, kCalled, kSettled };

  int64_t number = 0;
  size_t step = 0;
  Phase phase = Phase::kToCall;
  std::vector<Item> items;          // in the order of their rows; an error is the last
  size_t next_item = 0;             // that the step is to be called with
  std::vector<Item> given;          // by the calls before it
  std::vector<size_t> result_ends;  // among the items given, of each call of the step
};
using ChainWorkPtr = std::unique_ptr<ChainWork>;

class FunctionChain : public std::enable_shared_from_this<FunctionChain> {
 public:
  /// Runs its argument without the lock that the server holds for code of the user's.
  using Outside = std::function<void(const std::function<void()>& work)>;

  /// `functions`: those that `calls` was made for.
  static Result<std::shared_ptr<FunctionChain>> Make(std::shared_ptr<FunctionCalls> calls, const BatchFunctions& functions);

  // ---- who serves ----
  /// What may be gone on with, or else the next call; null where there is none now.
  ChainWorkPtr TryTake();
  /// The same for a task on a lane, as FunctionCalls::TryTake.
  ChainWorkPtr TryTake(const Waker& waker, bool* closed);
  /// Blocks; null once there will be none.
  ChainWorkPtr Take();
  /// Takes the work through functions until it is given, laid aside or held; or gives it back, for the server to call a function, answer, and run it again.
  /// `outside` may be null.
  ChainWorkPtr Run(ChainWorkPtr work, const Outside& outside);
  /// What the server is to call with what.
  FunctionStep& FunctionFor(const ChainWork& work) const { return *steps_[work.step]->function; }
  static const FunctionCall& CallFor(const ChainWork& work) { return work.items[work.next_item].call; }
  void Answer(ChainWork* work, StepResult result);
  const std::shared_ptr<FunctionCalls>& calls() const { return calls_; }
  /// What statistics say of where the users' functions run.
  void SetPlace(const std::string& place);
  /// Servers that could all have work at one time.
  int servers_most() const;
  /// Lanes serve until the calls are closed.
  Status ServeOnLanes();

  // ---- the stage ----
  /// Of the results where there is none, by the schema of the stage's input, which may be null.
  Result<std::shared_ptr<arrow::Schema>> SchemaWithoutResults(std::shared_ptr<arrow::Schema> input) const;

 private:
  /// Lets work through in the order of the calls.
  struct Gate {
    int64_t turn = 0;
    std::map<int64_t, ChainWorkPtr> waiting;
  };
  struct Step {
    Step(std::shared_ptr<FunctionStep> opened, BatchFunction::Columns columns_of, std::string stage)
        : function(std::move(opened)), columns(std::move(columns_of)), finder(std::move(stage)) {}
    const std::shared_ptr<FunctionStep> function;
    const BatchFunction::Columns columns;
    // Of who is between its gates:
    uint32_t source = 0;
    int64_t next_row = 0;
    int64_t calls_made = 0;
    // Guarded by the chain's mutex:
    Gate before;
    Gate after;
    SchemaFinder finder;
    bool settled = false;
    std::shared_ptr<arrow::Schema> schema;  // of its results
    std::deque<ChainWorkPtr> held;          // until it is settled
  };

  explicit FunctionChain(std::shared_ptr<FunctionCalls> calls) : calls_(std::move(calls)) {}
  ChainWorkPtr TakeReady();
  static ChainWorkPtr WorkOf(FunctionCall call);
  /// False where the work was laid aside.
  bool Enter(Gate* gate, ChainWorkPtr* work);
  void Leave(Gate* gate);
  /// Tells the batches where their rows are.
  void Place(Step* at, ChainWork* work);
  /// Finds the next batch that the function is to be called with; false where there is none.
  static bool FindCall(ChainWork* work);
  void CallAll(Step* at, ChainWork* work);
  /// The work, where it may go on; null where it is held.
  ChainWorkPtr Settle(Step* at, ChainWorkPtr work);
  /// Lets go on what waits for the schema of its results, with what is known of it.
  void ReleaseHeldLocked(Step* at);
  /// Looks at the results of the work for the schema.
  Status Look(Step* at, const ChainWork& work);
  /// Whether the batches have the schema of the function's results.
  static bool Conforms(const Step& at, const ChainWork& work);
  void Conform(Step* at, ChainWork* work);
  /// Leaves out what the next function is not called with, and counts the rest.
  void Pass(Step* at, ChainWork* work);
  void Give(ChainWorkPtr work);
  bool IsLast(const ChainWork& work) const { return work.step + 1 == steps_.size(); }

  const std::shared_ptr<FunctionCalls> calls_;
  std::vector<std::unique_ptr<Step>> steps_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<ChainWorkPtr> ready_;
  int64_t calls_total_ = -1;  // once it is known
};

}  // namespace millstream
