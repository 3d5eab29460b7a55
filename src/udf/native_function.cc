#include "udf/native_function.h"

#include <algorithm>
#include <exception>
#include <new>
#include <optional>

namespace millstream {
namespace {

/// Of a result that may be far larger than its input, made on the lanes.
constexpr size_t kBatchesAtOnce = 4;

struct LaneResult {
  RecordBatches batches;
  NextBatch more;
  SkippedErrors skipped = {};
};
using ResultFunction = std::function<Result<LaneResult>(const FunctionCall& call, const FunctionCalls& calls)>;
using SharedFunction = std::shared_ptr<const ResultFunction>;

/// Memory that nobody accounts for may run out inside of a library.
Result<LaneResult> Called(const ResultFunction& function, const FunctionCall& call, const FunctionCalls& calls) {
  try {
    return function(call, calls);
  } catch (const std::bad_alloc&) {
    return Status::OutOfMemory("out of memory in ", calls.stage(call));
  }
}

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
    auto result = Called(*function_, *call, *calls_);
    const int64_t number = call->number;
    call.reset();
    if (result.ok()) calls_->Give(number, std::move(result->batches), std::move(result->more), std::move(result->skipped));
    else calls_->Give(number, result.status());
    return Step::kAgain;
  }

 private:
  TaskCount count_;
  std::shared_ptr<FunctionCalls> calls_;
  SharedFunction function_;
};

/// One whose results are whole.
class LaneStep : public FunctionStep {
 public:
  LaneStep(SharedFunction function, const Traits& traits) : FunctionStep(traits), function_(std::move(function)) {}

  StepResult Call(const FunctionCall& call, const FunctionCalls& calls) override {
    auto result = Called(*function_, call, calls);
    if (!result.ok()) return {result.status()};
    return {std::move(result->batches)};
  }

 private:
  const SharedFunction function_;
};

class LaneFunction : public BatchFunction {
 public:
  /// `traits`: of its step; none where it cannot be one.
  LaneFunction(std::string name, ResultFunction function, int calls_at_once, std::optional<FunctionStep::Traits> traits, Columns columns = nullptr)
      : name_(std::move(name)),
        function_(std::make_shared<const ResultFunction>(std::move(function))),
        calls_at_once_(calls_at_once),
        traits_(traits),
        columns_(std::move(columns)) {}
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
  bool fuses() const override { return traits_.has_value(); }
  Result<std::shared_ptr<FunctionStep>> OpenStep(const std::shared_ptr<FunctionCalls>&) const override { return std::make_shared<LaneStep>(function_, *traits_); }

 private:
  const std::string name_;
  const SharedFunction function_;
  const int calls_at_once_;
  const std::optional<FunctionStep::Traits> traits_;
  const Columns columns_;
};

Result<LaneResult> FirstBatches(NextBatch next) {
  LaneResult result;
  while (result.batches.size() < kBatchesAtOnce) {
    ARROW_ASSIGN_OR_RAISE(auto batch, next(&result.skipped));
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

std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function, BatchFunction::Columns columns, bool finds_place) {
  auto all_at_once = [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) -> Result<LaneResult> {
    ARROW_ASSIGN_OR_RAISE(auto batches, function(call));
    return LaneResult{std::move(batches), nullptr};
  };
  const FunctionStep::Traits traits{.finds_place = finds_place, .one_schema = true, .is_engine = true};
  return std::make_shared<LaneFunction>(std::move(name), std::move(all_at_once), 0, traits, std::move(columns));
}

std::shared_ptr<const BatchFunction> MakeNativeBatchesFunction(std::string name, NativeBatchesFunction function, BatchFunction::Columns columns) {
  auto first = [function = std::move(function)](const FunctionCall& call, const FunctionCalls&) -> Result<LaneResult> {
    ARROW_ASSIGN_OR_RAISE(auto next, function(call));
    return FirstBatches(std::move(next));
  };
  return std::make_shared<LaneFunction>(std::move(name), std::move(first), 0, std::nullopt, std::move(columns));
}

std::shared_ptr<const BatchFunction> MakeUserFunction(std::string name, UserBatchFunction function, int calls_at_once) {
  auto guarded = [function = std::move(function)](const FunctionCall& call, const FunctionCalls& calls) -> Result<LaneResult> {
    auto batches = CallUser(function, call, calls);
    if (batches.ok()) return LaneResult{std::move(*batches), nullptr};
    return WithContext(batches.status(), calls.stage(call) + ": the function failed, on " + calls.Origin(call));
  };
  std::optional<FunctionStep::Traits> traits;
  if (calls_at_once <= 1) traits = {.in_turn = calls_at_once == 1, .finds_place = true, .is_engine = true};
  return std::make_shared<LaneFunction>(std::move(name), std::move(guarded), calls_at_once, traits);
}

}  // namespace millstream
