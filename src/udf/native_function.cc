#include "udf/native_function.h"

#include <algorithm>
#include <exception>
#include <new>

namespace millstream {
namespace {

/// Of a result that may be far larger than its input, made on the lanes.
constexpr size_t kBatchesAtOnce = 4;

struct LaneResult {
  RecordBatches batches;
  NextBatch more;
};
using ResultFunction = std::function<Result<LaneResult>(const FunctionCall& call, const FunctionCalls& calls)>;
using SharedFunction = std::shared_ptr<const ResultFunction>;

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
    auto result = (*function_)(*call, *calls_);
    const int64_t number = call->number;
    call.reset();
    if (result.ok()) calls_->Give(number, std::move(result->batches), std::move(result->more));
    else calls_->Give(number, result.status());
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<FunctionCalls> calls_;
  SharedFunction function_;
};

class LaneFunction : public BatchFunction {
 public:
  LaneFunction(std::string name, ResultFunction function, int calls_at_once, Columns columns = nullptr)
      : name_(std::move(name)), function_(std::make_shared<const ResultFunction>(std::move(function))), calls_at_once_(calls_at_once), columns_(std::move(columns)) {}
  const std::string& name() const override { return name_; }
  int workers(int lanes) const override { return calls_at_once_ > 0 ? std::min(calls_at_once_, lanes) : lanes; }
  Columns columns() const override { return columns_; }
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
  const Columns columns_;
};

Result<LaneResult> FirstBatches(NextBatch next) {
  LaneResult result;
  while (result.batches.size() < kBatchesAtOnce) {
    ARROW_ASSIGN_OR_RAISE(auto batch, next());
    if (batch == nullptr) return result;
    result.batches.push_back(std::move(batch));
  }
  result.more = std::move(next);
  return result;
}

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

std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function, BatchFunction::Columns columns) {
  auto all_at_once = [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) -> Result<LaneResult> {
    ARROW_ASSIGN_OR_RAISE(auto batches, function(call));
    return LaneResult{std::move(batches), nullptr};
  };
  return std::make_shared<LaneFunction>(std::move(name), std::move(all_at_once), 0, std::move(columns));
}

std::shared_ptr<const BatchFunction> MakeNativeBatchesFunction(std::string name, NativeBatchesFunction function) {
  auto first = [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) -> Result<LaneResult> {
    ARROW_ASSIGN_OR_RAISE(auto next, function(call));
    return FirstBatches(std::move(next));
  };
  return std::make_shared<LaneFunction>(std::move(name), std::move(first), 0);
}

std::shared_ptr<const BatchFunction> MakeUserFunction(std::string name, UserBatchFunction function, int calls_at_once) {
  auto guarded = [function = std::move(function)](const FunctionCall& call, const FunctionCalls& calls) -> Result<LaneResult> {
    auto batches = CallUser(function, call, calls);
    if (batches.ok()) return LaneResult{std::move(*batches), nullptr};
    return WithContext(batches.status(), calls.stage() + ": the function failed, on " + calls.Origin(call));
  };
  return std::make_shared<LaneFunction>(std::move(name), std::move(guarded), calls_at_once);
}

}  // namespace millstream
