#pragma once
/// A function as one of several that a stage calls one after the other (function_chain.h).

#include "udf/function_calls.h"

namespace millstream {

struct StepResult {
  Result<RecordBatches> batches;
  SkippedErrors skipped = {};  // in rows of the call's batch
};

/// Of one execution.
class FunctionStep {
 public:
  struct Traits {
    bool in_turn = false;      // one call at a time, in the order of the batches, not always on the same thread
    bool finds_place = false;  // looks at where its rows are, or at the number of the call
    bool one_schema = false;   // of all its results
    bool is_engine = false;    // runs without the lock that code of the user's may need
    bool by_server = false;    // Call is not for this one: who serves knows how to call it
  };

  explicit FunctionStep(const Traits& traits) : traits_(traits) {}
  virtual ~FunctionStep() = default;
  const Traits& traits() const { return traits_; }
  /// What the function gives for the batch. The place of a step that does not find its own is not told.
  virtual StepResult Call(const FunctionCall& call, const FunctionCalls& calls) = 0;

 private:
  const Traits traits_;
};

}  // namespace millstream
