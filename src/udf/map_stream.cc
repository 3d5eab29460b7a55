#include "udf/map_stream.h"

#include <algorithm>
#include <deque>

#include "ops/conform_batch.h"
#include "udf/function_chain.h"
#include "udf/schema_finder.h"

namespace millstream {
namespace {

constexpr int64_t kFloorBytesMax = 64 << 20;
constexpr int64_t kFloorShare = 16;  // of the limit

/// What the stage's consumer, its feeding task and its servers share.
struct MapState {
  MapState(std::shared_ptr<FunctionCalls> function_calls, PolledStreamPtr input_stream, int64_t ahead)
      : calls(std::move(function_calls)), input(std::move(input_stream)), calls_ahead(ahead) {}
  const std::shared_ptr<FunctionCalls> calls;
  const PolledStreamPtr input;
  const int64_t calls_ahead;
};

/// Makes calls of the input's batches as long as there is room.
class FeedTask : public Task {
 public:
  explicit FeedTask(std::shared_ptr<MapState> state) : count_(state->calls->core()), state_(std::move(state)) {}

  Step Run(const Waker& waker) override {
    FunctionCalls& calls = *state_->calls;
    if (!std::exchange(begun_, true)) calls.core().WakeOnStop(waker);
    if (calls.core().cancellation().cancelled()) return Step::kDone;
    if (!HasRoom()) {
      calls.core().Block(waker);
      return HasRoom() ? Step::kAgain : Step::kBlocked;
    }
    auto batch = state_->input->TryNext(waker);
    if (!batch.ok()) {
      calls.core().Fail(batch.status());
      return Step::kDone;
    }
    if (!batch->has_value()) return Step::kBlocked;
    if ((*batch)->data == nullptr) {
      calls.End();
      return Step::kDone;
    }
    if ((*batch)->data->num_rows() > 0) calls.Add(std::move(**batch));
    return Step::kAgain;
  }

 private:
  bool HasRoom() const { return state_->calls->under_way() < state_->calls_ahead && !state_->calls->short_of_memory(); }

  TaskCount count_;
  std::shared_ptr<MapState> state_;
  bool begun_ = false;
};

class MapStream : public PolledStream {
 public:
  MapStream(std::shared_ptr<MapState> state, BatchFunction::Columns columns)
      : PolledStream(*state->calls->engine()), state_(std::move(state)), columns_(std::move(columns)), finder_(state_->calls->last_statistics().name) {}
  ~MapStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override;
  void Close() override {
    if (std::exchange(closed_, true)) return;
    state_->calls->Close();  // before tasks are waited for: it wakes those that serve
    state_->calls->core().Stop();
    state_->input->Close();
    results_.clear();
  }
  void StopSoon() override {
    state_->calls->Close();
    state_->calls->core().Fail(MakeError(ErrorKind::kCancelled, "no more rows are wanted"));
    state_->input->StopSoon();
  }
  std::vector<const StageStatistics*> stages() const override {
    auto stages = state_->input->stages();
    for (int step = 0; step < state_->calls->steps(); ++step) stages.push_back(&state_->calls->statistics(step));
    return stages;
  }

 private:
  /// False where the waker was kept.
  Result<bool> TakeResult(const Waker& waker);
  Result<bool> FindSchema(const Waker& waker);
  /// Makes the next batch of the first result, where it makes them when they are wanted; null at its end.
  Result<std::shared_ptr<arrow::RecordBatch>> MakeMore();
  Result<std::shared_ptr<arrow::Schema>> SchemaWithoutResults() const {
    const auto& input = state_->input->schema();
    if (columns_ == nullptr || input == nullptr || input->num_fields() == 0) return arrow::schema({});
    return columns_(input);
  }

  const std::shared_ptr<MapState> state_;
  const BatchFunction::Columns columns_;
  std::shared_ptr<arrow::Schema> schema_;
  SchemaFinder finder_;
  std::deque<FunctionResult> results_;
  size_t next_batch_ = 0;  // of the first result
  size_t results_looked_at_ = 0;  // for the schema
  bool at_end_ = false;
  bool closed_ = false;
  uint32_t source_ = 0;
  int64_t next_row_ = 0;  // of the source
};

Result<bool> MapStream::TakeResult(const Waker& waker) {
  auto result = state_->calls->TryTakeResult(waker);
  if (!result.has_value()) return false;
  if (*result == nullptr) {
    at_end_ = true;
    return true;
  }
  results_.push_back(std::move(**result));
  return true;
}

Result<bool> MapStream::FindSchema(const Waker& waker) {
  for (;;) {
    for (; results_looked_at_ < results_.size() && results_[results_looked_at_].status.ok(); ++results_looked_at_) {
      ARROW_RETURN_NOT_OK(finder_.Add(results_[results_looked_at_].batches));
    }
    if (finder_.found() || at_end_ || results_looked_at_ < results_.size()) break;
    ARROW_ASSIGN_OR_RAISE(const bool more, TakeResult(waker));
    if (!more) return false;
  }
  schema_ = finder_.schema();
  if (schema_ == nullptr && at_end_) ARROW_RETURN_NOT_OK(SchemaWithoutResults().Value(&schema_));
  return true;
}

Result<std::shared_ptr<arrow::RecordBatch>> MapStream::MakeMore() {
  FunctionResult& result = results_.front();
  if (!result.more) return nullptr;
  CpuTimer timer(&state_->calls->last_statistics().cpu_nanoseconds);
  ARROW_ASSIGN_OR_RAISE(auto batch, result.more(&result.skipped));
  state_->calls->CountSkipped(&result);
  ARROW_RETURN_NOT_OK(result.status);
  return batch;
}

Result<std::optional<StreamBatch>> MapStream::TryNext(const Waker& waker) {
  if (closed_) return StreamBatch{};
  ARROW_RETURN_NOT_OK(state_->calls->core().cancellation().status());
  if (schema_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(const bool found, FindSchema(waker));
    if (!found) return std::nullopt;
  }
  std::shared_ptr<arrow::RecordBatch> batch;
  for (;;) {
    if (results_.empty()) {
      if (at_end_) return StreamBatch{};
      ARROW_ASSIGN_OR_RAISE(const bool more, TakeResult(waker));
      if (!more) return std::nullopt;
      continue;
    }
    FunctionResult& result = results_.front();
    ARROW_RETURN_NOT_OK(result.status);
    if (next_batch_ < result.batches.size()) {
      batch = std::move(result.batches[next_batch_++]);
    } else {
      ARROW_ASSIGN_OR_RAISE(batch, MakeMore());
    }
    if (batch != nullptr) break;
    results_.pop_front();
    next_batch_ = 0;
  }
  const FunctionResult& result = results_.front();
  StreamBatch out;
  ARROW_ASSIGN_OR_RAISE(out.data, ConformBatch(state_->calls->last_statistics().name, batch, schema_, arrow::default_memory_pool()));
  if (result.source != source_) next_row_ = 0;
  source_ = result.source;
  out.source = source_;
  out.first_row = next_row_;
  next_row_ += out.data->num_rows();
  out.position = {source_, next_row_};
  state_->calls->last_statistics().rows += out.data->num_rows();
  return out;
}

}  // namespace

Result<std::shared_ptr<Ledger>> ReserveCalls(const Engine& engine, const std::string& name) {
  return Budget::Open(engine.budget(), name, std::min(kFloorBytesMax, engine.budget()->limit_bytes() / kFloorShare));
}

namespace {

/// A stream whose calls are still to be served. `workers`: that may have calls at one time.
Result<std::unique_ptr<MapStream>> OpenUnserved(const std::shared_ptr<FunctionCalls>& calls, PolledStreamPtr input, BatchFunction::Columns columns, int workers) {
  auto state = std::make_shared<MapState>(calls, std::move(input), std::max<int64_t>(2 * workers, SchemaFinder::kCallsMost));
  auto stream = std::make_unique<MapStream>(state, std::move(columns));
  ARROW_RETURN_NOT_OK(calls->engine()->scheduler()->Submit(std::make_unique<FeedTask>(state), Priority::kNormal));
  return stream;
}

}  // namespace

Result<PolledStreamPtr> OpenMapStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, const BatchFunction& function, NameSource name_source,
                                      const EpochKey& epoch, std::shared_ptr<Ledger> ledger) {
  if (ledger == nullptr) ARROW_RETURN_NOT_OK(ReserveCalls(*engine, function.name()).Value(&ledger));
  std::vector<CalledFunction> called{{function.name(), std::move(name_source)}};
  auto calls = std::make_shared<FunctionCalls>(std::move(engine), std::move(called), std::move(ledger), epoch);
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenUnserved(calls, std::move(input), function.columns(), function.workers(calls->engine()->scheduler()->lanes())));
  ARROW_RETURN_NOT_OK(function.Serve(calls));
  return stream;
}

Result<PolledStreamPtr> OpenFusedStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::vector<NamedFunction> named, const EpochKey& epoch,
                                        std::shared_ptr<Ledger> ledger) {
  if (named.size() == 1) return OpenMapStream(std::move(engine), std::move(input), *named[0].function, std::move(named[0].name_source), epoch, std::move(ledger));
  std::vector<CalledFunction> called;
  BatchFunctions functions;
  for (NamedFunction& each : named) {
    called.push_back({each.function->name(), std::move(each.name_source)});
    functions.push_back(std::move(each.function));
  }
  auto calls = std::make_shared<FunctionCalls>(std::move(engine), std::move(called), std::move(ledger), epoch);
  ARROW_ASSIGN_OR_RAISE(auto chain, FunctionChain::Make(calls, functions));
  const auto columns = [chain](const std::shared_ptr<arrow::Schema>& schema) { return chain->SchemaWithoutResults(schema); };
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenUnserved(calls, std::move(input), columns, chain->servers_most()));
  for (const auto& function : functions) {
    ARROW_ASSIGN_OR_RAISE(const bool serves, function->ServeChain(chain));
    if (serves) return stream;
  }
  ARROW_RETURN_NOT_OK(chain->ServeOnLanes());
  return stream;
}

}  // namespace millstream
