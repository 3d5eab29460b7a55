#include "udf/map_stream.h"

#include <algorithm>
#include <deque>

#include "ops/conform_batch.h"

namespace millstream {
namespace {

constexpr int64_t kFloorBytesMax = 64 << 20;
constexpr int64_t kFloorShare = 16;  // of the limit
/// Calls whose results are looked at for the types of columns that hold only nulls in the first ones.
constexpr int64_t kCallsForSchema = 4;

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

bool HasNullColumn(const arrow::Schema& schema) {
  return std::any_of(schema.fields().begin(), schema.fields().end(), [](const auto& field) { return field->type()->id() == arrow::Type::NA; });
}

class MapStream : public PolledStream {
 public:
  MapStream(std::shared_ptr<MapState> state, BatchFunction::Columns columns) : PolledStream(*state->calls->engine()), state_(std::move(state)), columns_(std::move(columns)) {}
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
    stages.push_back(&state_->calls->statistics());
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
  std::shared_ptr<arrow::Schema> schema_so_far_;
  std::deque<FunctionResult> results_;
  size_t next_batch_ = 0;  // of the first result
  int64_t results_seen_ = 0;
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
  ++results_seen_;
  results_.push_back(std::move(**result));
  return true;
}

Result<bool> MapStream::FindSchema(const Waker& waker) {
  size_t seen = 0;
  for (;;) {
    for (; seen < results_.size() && results_[seen].status.ok(); ++seen) {
      for (const auto& batch : results_[seen].batches) {
        if (schema_so_far_ == nullptr) schema_so_far_ = batch->schema();
        else ARROW_RETURN_NOT_OK(CommonSchema(state_->calls->stage(), *schema_so_far_, *batch->schema()).Value(&schema_so_far_));
      }
    }
    const bool found = schema_so_far_ != nullptr && (!HasNullColumn(*schema_so_far_) || results_seen_ >= kCallsForSchema);
    if (found || at_end_ || seen < results_.size()) break;
    ARROW_ASSIGN_OR_RAISE(const bool more, TakeResult(waker));
    if (!more) return false;
  }
  if (schema_so_far_ == nullptr && at_end_) ARROW_RETURN_NOT_OK(SchemaWithoutResults().Value(&schema_so_far_));
  schema_ = schema_so_far_;
  return true;
}

Result<std::shared_ptr<arrow::RecordBatch>> MapStream::MakeMore() {
  const NextBatch& more = results_.front().more;
  if (!more) return nullptr;
  CpuTimer timer(&state_->calls->statistics().cpu_nanoseconds);
  return more();
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
  ARROW_ASSIGN_OR_RAISE(out.data, ConformBatch(state_->calls->stage(), batch, schema_, arrow::default_memory_pool()));
  if (result.source != source_) next_row_ = 0;
  source_ = result.source;
  out.source = source_;
  out.first_row = next_row_;
  next_row_ += out.data->num_rows();
  out.position = {source_, next_row_};
  state_->calls->statistics().rows += out.data->num_rows();
  return out;
}

}  // namespace

Result<std::shared_ptr<Ledger>> ReserveCalls(const Engine& engine, const BatchFunction& function) {
  return Budget::Open(engine.budget(), function.name(), std::min(kFloorBytesMax, engine.budget()->limit_bytes() / kFloorShare));
}

Result<PolledStreamPtr> OpenMapStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, const BatchFunction& function, NameSource name_source,
                                      const EpochKey& epoch, std::shared_ptr<Ledger> ledger) {
  if (ledger == nullptr) ARROW_RETURN_NOT_OK(ReserveCalls(*engine, function).Value(&ledger));
  const int64_t ahead = std::max<int64_t>(2 * function.workers(engine->scheduler()->lanes()), kCallsForSchema);
  auto calls = std::make_shared<FunctionCalls>(engine, function.name(), std::move(ledger), std::move(name_source), epoch);
  auto state = std::make_shared<MapState>(calls, std::move(input), ahead);
  auto stream = std::make_unique<MapStream>(state, function.columns());
  ARROW_RETURN_NOT_OK(engine->scheduler()->Submit(std::make_unique<FeedTask>(state), Priority::kNormal));
  ARROW_RETURN_NOT_OK(function.Serve(calls));
  return stream;
}

}  // namespace millstream
