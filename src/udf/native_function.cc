#include "udf/native_function.h"

namespace millstream {
namespace {

/// Of a result that may be far larger than its input, made on the lanes.
constexpr size_t kBatchesAtOnce = 4;

struct NativeResult {
  RecordBatches batches;
  NextBatch more;
};
using ResultFunction = std::function<Result<NativeResult>(const FunctionCall& call)>;

Result<NativeResult> FirstBatches(NextBatch next) {
  NativeResult result;
  while (result.batches.size() < kBatchesAtOnce) {
    ARROW_ASSIGN_OR_RAISE(auto batch, next());
    if (batch == nullptr) return result;
    result.batches.push_back(std::move(batch));
  }
  result.more = std::move(next);
  return result;
}

class ServeTask : public Task {
 public:
  ServeTask(std::shared_ptr<FunctionCalls> calls, ResultFunction function)
      : count_(calls->core()), calls_(std::move(calls)), function_(std::move(function)) {}

  Step Run(const Waker& waker) override {
    if (calls_->core().cancellation().cancelled()) return Step::kDone;
    bool closed = false;
    auto call = calls_->TryTake(waker, &closed);
    if (!call.has_value()) return closed ? Step::kDone : Step::kBlocked;
    CpuTimer timer(&calls_->statistics().cpu_nanoseconds);
    auto result = function_(*call);
    const int64_t number = call->number;
    call.reset();
    if (result.ok()) calls_->Give(number, std::move(result->batches), std::move(result->more));
    else calls_->Give(number, result.status());
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<FunctionCalls> calls_;
  ResultFunction function_;
};

class NativeFunction : public BatchFunction {
 public:
  NativeFunction(std::string name, ResultFunction function) : name_(std::move(name)), function_(std::move(function)) {}
  const std::string& name() const override { return name_; }
  int workers(int lanes) const override { return lanes; }
  Status Serve(const std::shared_ptr<FunctionCalls>& calls) const override {
    for (int lane = 0; lane < calls->engine()->scheduler()->lanes(); ++lane) {
      ARROW_RETURN_NOT_OK(calls->engine()->scheduler()->Submit(std::make_unique<ServeTask>(calls, function_), Priority::kNormal));
    }
    return Status::OK();
  }

 private:
  const std::string name_;
  const ResultFunction function_;
};

}  // namespace

std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function) {
  return std::make_shared<NativeFunction>(std::move(name), [function = std::move(function)](const FunctionCall& call) -> Result<NativeResult> {
    NativeResult result;
    ARROW_ASSIGN_OR_RAISE(result.batches, function(call));
    return result;
  });
}

std::shared_ptr<const BatchFunction> MakeNativeBatchesFunction(std::string name, NativeBatchesFunction function) {
  return std::make_shared<NativeFunction>(std::move(name), [function = std::move(function)](const FunctionCall& call) -> Result<NativeResult> {
    ARROW_ASSIGN_OR_RAISE(auto next, function(call));
    return FirstBatches(std::move(next));
  });
}

}  // namespace millstream
