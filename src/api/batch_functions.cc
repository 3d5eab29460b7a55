#include "api/batch_functions.h"

#include "udf/native_function.h"

namespace millstream {
namespace {

CallContext ContextOf(const FunctionCall& call, const FunctionCalls& calls) {
  CallContext context;
  context.number = call.number;
  context.random_seed = calls.RandomKey(call);
  context.rows = calls.Origin(call);
  context.cancelled = [&calls] { return calls.cancelled(); };
  return context;
}

Status CheckOptions(const std::string& stage, bool given, const MapOptions& options) {
  if (!given) return MakeError(ErrorKind::kInvalidArgument, stage + " needs a function, and the one given is empty");
  if (options.concurrency < 0) return MakeError(ErrorKind::kInvalidArgument, "concurrency must not be negative, got " + std::to_string(options.concurrency));
  return Status::OK();
}

std::string NameOfStage(const std::string& stage, const MapOptions& options) { return options.name.empty() ? stage : stage + "(" + options.name + ")"; }

Result<RecordBatches> CallWithGroups(const MapFunction& function, const FunctionCall& call, const FunctionCalls& calls) {
  const auto& starts = call.group_starts == nullptr ? std::vector<int64_t>{0} : *call.group_starts;
  CallContext context = ContextOf(call, calls);
  RecordBatches results;
  for (size_t group = 0; group < starts.size(); ++group) {
    const int64_t end = group + 1 < starts.size() ? starts[group + 1] : call.rows;
    context.random_seed = Mix64(calls.RandomKey(call) + static_cast<uint64_t>(starts[group]));
    context.rows = "the group that begins with " + calls.Origin(call, starts[group]);
    auto result = function(call.batch->Slice(starts[group], end - starts[group]), context);
    ARROW_RETURN_NOT_OK(WithContext(result.status(), context.rows));
    results.push_back(std::move(*result));
  }
  return results;
}

}  // namespace

Result<std::shared_ptr<const BatchFunction>> FunctionOf(const std::string& stage, MapFunction function, const MapOptions& options) {
  ARROW_RETURN_NOT_OK(CheckOptions(stage, function != nullptr, options));
  auto called = [function = std::move(function)](const FunctionCall& call, const FunctionCalls& calls) -> Result<RecordBatches> {
    ARROW_ASSIGN_OR_RAISE(auto batch, function(call.batch, ContextOf(call, calls)));
    return RecordBatches{std::move(batch)};
  };
  return MakeUserFunction(NameOfStage(stage, options), std::move(called), options.concurrency);
}

Result<std::shared_ptr<const BatchFunction>> FunctionOf(const std::string& stage, FlatMapFunction function, const MapOptions& options) {
  ARROW_RETURN_NOT_OK(CheckOptions(stage, function != nullptr, options));
  auto called = [function = std::move(function)](const FunctionCall& call, const FunctionCalls& calls) { return function(call.batch, ContextOf(call, calls)); };
  return MakeUserFunction(NameOfStage(stage, options), std::move(called), options.concurrency);
}

Result<std::shared_ptr<const BatchFunction>> FunctionOfGroups(const std::string& stage, MapFunction function, const MapOptions& options) {
  ARROW_RETURN_NOT_OK(CheckOptions(stage, function != nullptr, options));
  if (options.batch_size != 0) return MakeError(ErrorKind::kInvalidArgument, stage + " gives whole groups; leave batch_size out");
  auto called = [function = std::move(function)](const FunctionCall& call, const FunctionCalls& calls) { return CallWithGroups(function, call, calls); };
  return MakeUserFunction(NameOfStage(stage, options), std::move(called), options.concurrency);
}

}  // namespace millstream
