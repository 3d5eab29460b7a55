#include "udf/native_function.h"

namespace millstream {
namespace {

class ServeTask : public Task {
 public:
  ServeTask(std::shared_ptr<FunctionCalls> calls, NativeBatchFunction function)
      : count_(calls->core()), calls_(std::move(calls)), function_(std::move(function)) {}

  Step Run(const Waker& waker) override {
    if (calls_->core().cancellation().cancelled()) return Step::kDone;
    bool closed = false;
    auto call = calls_->TryTake(waker, &closed);
    if (!call.has_value()) return closed ? Step::kDone : Step::kBlocked;
    CpuTimer timer(&calls_->statistics().cpu_nanoseconds);
    auto batches = function_(*call);
    const int64_t number = call->number;
    call.reset();
    calls_->Give(number, std::move(batches));
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<FunctionCalls> calls_;
  NativeBatchFunction function_;
};

class NativeFunction : public BatchFunction {
 public:
  NativeFunction(std::string name, NativeBatchFunction function, Columns columns)
      : name_(std::move(name)), function_(std::move(function)), columns_(std::move(columns)) {}
  const std::string& name() const override { return name_; }
  int workers(int lanes) const override { return lanes; }
  Columns columns() const override { return columns_; }
  Status Serve(const std::shared_ptr<FunctionCalls>& calls) const override {
    for (int lane = 0; lane < calls->engine()->scheduler()->lanes(); ++lane) {
      ARROW_RETURN_NOT_OK(calls->engine()->scheduler()->Submit(std::make_unique<ServeTask>(calls, function_), Priority::kNormal));
    }
    return Status::OK();
  }

 private:
  const std::string name_;
  const NativeBatchFunction function_;
  const Columns columns_;
};

}  // namespace

std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function, BatchFunction::Columns columns) {
  return std::make_shared<NativeFunction>(std::move(name), std::move(function), std::move(columns));
}

}  // namespace millstream
