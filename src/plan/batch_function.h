#pragma once
/// A function on batches that the user gave, as a plan holds it.

#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace millstream {

class FunctionCalls;
class FunctionChain;
class FunctionStep;

/// Immutable, shared by executions.
class BatchFunction {
 public:
  virtual ~BatchFunction() = default;
  /// As its stage is called in plans, statistics and errors: "MapBatches(scale)".
  virtual const std::string& name() const = 0;
  /// Calls that may be under way at one time.
  virtual int workers(int lanes) const = 0;
  /// What `explain` says of them: "2 at a time, on threads of this process".
  virtual std::string DescribeWorkers(int lanes) const { return std::to_string(workers(lanes)) + " at a time, on lanes"; }
  /// Rows that all its calls give, about, where it knows better than that they are as many as it is given: what stages above are planned for. Negative: it does not.
  virtual int64_t rows_expected() const { return -1; }
  /// Gives the schema of its results by that of what it is given; null where only results tell.
  using Columns = std::function<Result<std::shared_ptr<arrow::Schema>>(const std::shared_ptr<arrow::Schema>& input)>;
  virtual Columns columns() const { return nullptr; }
  static Result<std::shared_ptr<arrow::Schema>> SameColumns(const std::shared_ptr<arrow::Schema>& input) { return input; }
  /// Begins to take calls and to give their results, on threads or lanes, until the calls are closed; returns at once.
  virtual Status Serve(const std::shared_ptr<FunctionCalls>& calls) const = 0;

  // ---- as one of several that a stage calls one after the other ----
  /// Whether it may be one; then these are overridden.
  virtual bool fuses() const { return false; }
  virtual Result<std::shared_ptr<FunctionStep>> OpenStep(const std::shared_ptr<FunctionCalls>&) const { return std::shared_ptr<FunctionStep>(); }
  /// Begins to serve the whole chain where only it knows how, as Serve; false where lanes do.
  virtual Result<bool> ServeChain(const std::shared_ptr<FunctionChain>&) const { return false; }
};

}  // namespace millstream
