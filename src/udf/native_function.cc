#include "udf/native_function.h"

#include <algorithm>
#include <exception>
#include <new>

namespace millstream {
namespace {

using SharedFunction = std::shared_ptr<const UserBatchFunction>;

class ServeTask : public Task {
 public:
  ServeTask(std::shared_ptr<FunctionCalls> calls, SharedFunction function)
      : count_(calls->core()), calls_(std::move(calls)), function_(std::move(function)) {}

  Step Run(const Waker& waker) override {
    if (calls_->core().cancellation().cancelled()) return Step::kDone;
    bool closed = false;
    auto call = calls_->TryTake(waker, &closed);
    if (!call.has_value()) return closed ? Step::kDone : Step::kBlocked;
    CpuTimer timer(&calls_->statistics().cpu_nanoseconds);
    auto batches = (*function_)(*call, *calls_);
    const int64_t number = call->number;
    call.reset();
    calls_->Give(number, std::move(batches));
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<FunctionCalls> calls_;
  SharedFunction function_;
};

class LaneFunction : public BatchFunction {
 public:
  LaneFunction(std::string name, UserBatchFunction function, int calls_at_once)
      : name_(std::move(name)), function_(std::make_shared<const UserBatchFunction>(std::move(function))), calls_at_once_(calls_at_once) {}
  const std::string& name() const override { return name_; }
  int workers(int lanes) const override { return calls_at_once_ > 0 ? std::min(calls_at_once_, lanes) : lanes; }
  Status Serve(const std::shared_ptr<FunctionCalls>& calls) const override {
    const auto& scheduler = calls->engine()->scheduler();
    for (int worker = 0; worker < workers(scheduler->lanes()); ++worker) {
      ARROW_RETURN_NOT_OK(scheduler->Submit(std::make_unique<ServeTask>(calls, function_), Priority::kNormal));
    }
    return Status::OK();
  }

 private:
  const std::string name_;
  const SharedFunction function_;
  const int calls_at_once_;
};

Status CheckResults(const RecordBatches& batches) {
  for (const auto& batch : batches) {
    if (batch == nullptr) return MakeError(ErrorKind::kInvalidArgument, "it gave a null pointer; give a batch of 0 rows, or none");
    ARROW_RETURN_NOT_OK(WithContext(batch->Validate(), "what it gave is not valid Arrow data"));
  }
  return Status::OK();
}

/// What the function gives, or why it does not.
Result<RecordBatches> CallUser(const UserBatchFunction& function, const FunctionCall& call, const FunctionCalls& calls) {
  try {
    ARROW_ASSIGN_OR_RAISE(auto batches, function(call, calls));
    ARROW_RETURN_NOT_OK(CheckResults(batches));
    return batches;
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorKind::kBudget, "it found no memory");
  } catch (const std::exception& exception) {
    return MakeError(ErrorKind::kOther, std::string("it threw an exception: ") + exception.what());
  } catch (...) {
    return MakeError(ErrorKind::kOther, "it threw what is no std::exception");
  }
}

}  // namespace

std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function) {
  return std::make_shared<LaneFunction>(
      std::move(name), [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) { return function(call); }, 0);
}

std::shared_ptr<const BatchFunction> MakeUserFunction(std::string name, UserBatchFunction function, int calls_at_once) {
  auto guarded = [function = std::move(function)](const FunctionCall& call, const FunctionCalls& calls) -> Result<RecordBatches> {
    auto batches = CallUser(function, call, calls);
    if (batches.ok()) return batches;
    return WithContext(batches.status(), calls.stage() + ": the function failed, on " + calls.Origin(call));
  };
  return std::make_shared<LaneFunction>(std::move(name), std::move(guarded), calls_at_once);
}

}  // namespace millstream
