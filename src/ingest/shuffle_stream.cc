#include "ingest/shuffle_stream.h"

#include <algorithm>
#include <chrono>

#include "exec/row_streams.h"
#include "ingest/gather_phase.h"

namespace millstream {
namespace {

/// So much of the consumer's own time tells whether it is slower than the lanes.
constexpr std::chrono::milliseconds kConsumerTimeToTell(5);
/// Of a stream's rows, held to be measured: bytes as a share of the limit.
constexpr int64_t kHeldRowsMax = 16 << 10;
constexpr int64_t kHeldShare = 32;

class ShuffleStream : public PolledStream {
 public:
  ShuffleStream(std::shared_ptr<ScatterPhase> scatter, std::shared_ptr<GatherPhase> gather, const ShuffleStreamOptions& options)
      : PolledStream(*scatter->inputs().engine), scatter_(std::move(scatter)), gather_(std::move(gather)), options_(options) {}
  ~ShuffleStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return scatter_->inputs().program->output; }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override;
  std::optional<int64_t> total_rows() const override { return gather_->total_rows(); }
  /// At the end it closes itself, which no lane may do.
  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override {
    auto batch = PolledStream::Next(interrupted);
    if (batch.ok() && batch->data == nullptr) Close();
    return batch;
  }
  void Close() override;
  std::vector<const StageStatistics*> stages() const override {
    scatter_->UpdateStatistics();
    gather_->UpdateStatistics();
    std::vector<const StageStatistics*> stages = scatter_->stages();
    if (gather_->second_pass() != nullptr) stages.push_back(&gather_->second_pass()->statistics());
    stages.push_back(&gather_->statistics());
    return stages;
  }

 protected:
  StageStatistics* waiting_statistics() override { return &gather_->statistics(); }

 private:
  /// False where it is still to come: then the waker is kept.
  bool TakeSlab(const Waker& waker);
  void EndSlab();
  /// What was reserved for rows is free at once: whoever asks for them may not close this stream before others need the memory.
  void EndOfRows() {
    at_end_ = true;
    gather_->ReturnFloors();
    scatter_->ReturnFloors();
  }

  const std::shared_ptr<ScatterPhase> scatter_;
  const std::shared_ptr<GatherPhase> gather_;
  const ShuffleStreamOptions options_;
  std::optional<GatherPhase::ReadySlab> slab_;
  size_t next_batch_ = 0;
  bool closed_ = false;
  bool at_end_ = false;
  // Of the slabs after the first, which waits for all rows to be read:
  std::chrono::steady_clock::time_point given_at_;
  std::optional<std::chrono::steady_clock::time_point> asked_at_;  // for the next one
  std::chrono::nanoseconds consumer_{0};  // between two calls for a slab
  std::chrono::nanoseconds waited_{0};
  int64_t slabs_taken_ = 0;
};

bool ShuffleStream::TakeSlab(const Waker& waker) {
  const auto now = std::chrono::steady_clock::now();
  if (!asked_at_.has_value()) asked_at_ = now;
  if (!gather_->Ready(waker)) return false;
  if (slabs_taken_++ > 0) {
    consumer_ += *asked_at_ - given_at_;
    waited_ += now - *asked_at_;
    if (consumer_ > std::max<std::chrono::nanoseconds>(2 * waited_, kConsumerTimeToTell)) scatter_->ConsumerIsSlower();
  }
  given_at_ = now;
  asked_at_.reset();
  slab_ = gather_->Take();
  next_batch_ = 0;
  return true;
}

void ShuffleStream::EndSlab() {
  gather_->HandOver(*slab_->slab);
  slab_.reset();
}

Result<std::optional<StreamBatch>> ShuffleStream::TryNext(const Waker& waker) {
  if (closed_ || at_end_) return StreamBatch{};
  ARROW_RETURN_NOT_OK(scatter_->core().cancellation().status());
  if (!slab_.has_value() && !TakeSlab(waker)) return std::nullopt;
  if (!slab_.has_value()) {
    EndOfRows();
    return StreamBatch{};
  }
  const auto data = slab_->batches[next_batch_];
  const int64_t rows = data->num_rows();
  if (rows < options_.batch_rows && options_.drop_last) {
    EndOfRows();
    return StreamBatch{};
  }
  const auto& positions = slab_->slab->positions();
  const OrderPosition position = positions.empty() ? OrderPosition{} : positions[next_batch_].second;
  if (++next_batch_ == slab_->batches.size()) EndSlab();
  gather_->statistics().rows += rows;
  gather_->statistics().bytes += rows * scatter_->inputs().plan.row_bytes;
  return StreamBatch{data, {position.key, position.ties}};
}

void ShuffleStream::Close() {
  if (closed_) return;
  closed_ = true;
  if (slab_.has_value()) EndSlab();
  scatter_->core().Stop();
  gather_->UpdateStatistics();
  scatter_->UpdateStatistics();
  gather_->Release();
  scatter_->EndStream(at_end_);
}

int64_t LargestBatch(const HeldStream& held) {
  int64_t rows = 0;
  for (const StreamBatch& batch : held.held()) rows = std::max(rows, batch.data->num_rows());
  return rows;
}

}  // namespace

Result<PolledStreamPtr> OpenShuffleStream(std::shared_ptr<ScatterPhase> scatter, const ShuffleStreamOptions& options) {
  GatherPhase::Options gathering;
  gathering.batch_rows = options.batch_rows;
  gathering.skip_rows = options.has_resume ? options.resume.ties : 0;
  ARROW_ASSIGN_OR_RAISE(auto gather, GatherPhase::Make(scatter, gathering));
  auto stream = std::make_unique<ShuffleStream>(scatter, gather, options);
  scatter->WhenFinished([weak = std::weak_ptr<GatherPhase>(gather)] {
    if (const auto phase = weak.lock()) phase->Start();
  });
  return stream;
}

namespace {

ShuffleSizes SizesOf(const Engine& engine, const ShuffleStreamOptions& options) {
  ShuffleSizes sizes = SizesWithin(engine, engine.options().memory_limit_bytes - options.memory_kept_bytes);
  sizes.batch_rows = options.batch_rows;
  sizes.prefetch_batches = options.prefetch_batches;
  sizes.sort_columns = options.sort_columns;
  sizes.first_pass_bytes = options.first_pass_bytes;
  sizes.splitters_guessed = options.splitters_guessed;
  sizes.sorts = options.sorts;
  return sizes;
}

/// Where others have a part of the limit, the rows must leave it to them.
int64_t ResidentBytesMax(const ShufflePlan& plan, const ShuffleSizes& sizes) {
  return plan.may_spill && sizes.memory_kept_bytes > 0 ? std::max<int64_t>(plan.resident_bytes(sizes.memory_limit_bytes), 1) : 0;
}

ScatterPhase::Inputs InputsOf(std::shared_ptr<Engine> engine, std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options) {
  ScatterPhase::Inputs inputs;
  inputs.epoch = MakeEpochKey(options.seed, options.epoch);
  inputs.lowest_key = options.has_resume ? options.resume.key : 0;
  inputs.engine = std::move(engine);
  inputs.program = std::move(program);
  inputs.source_name = options.source_name;
  return inputs;
}

}  // namespace

Result<ScatterPhase::Inputs> ShuffleInputs(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source, std::shared_ptr<const RowProgram> program,
                                           const ShuffleStreamOptions& options) {
  ARROW_RETURN_NOT_OK(engine->CheckAlive());
  const ShuffleSizes sizes = SizesOf(*engine, options);
  auto inputs = InputsOf(std::move(engine), std::move(program), options);
  ARROW_ASSIGN_OR_RAISE(inputs.plan, PlanShuffle(*source, *inputs.program, sizes));
  inputs.resident_bytes_max = ResidentBytesMax(inputs.plan, sizes);
  inputs.first_pass_bytes = options.first_pass_bytes;
  inputs.source = std::move(source);
  return inputs;
}

Result<ScatterPhase::Inputs> ShuffleInputs(std::shared_ptr<Engine> engine, std::shared_ptr<const RowProgram> program, const HeldStream& held,
                                           int64_t rows_guess, const ShuffleStreamOptions& options) {
  ARROW_RETURN_NOT_OK(engine->CheckAlive());
  const ShuffleSizes sizes = SizesOf(*engine, options);
  auto inputs = InputsOf(std::move(engine), std::move(program), options);
  const StreamSizes stream{held.at_end() ? held.rows() : std::max(rows_guess, held.rows()), held.at_end() ? LargestBatch(held) : StreamSizes::kBatchRowsGuess,
                           options.row_bytes.empty() ? held.RowBytesOf(*inputs.program) : options.row_bytes};
  ARROW_ASSIGN_OR_RAISE(inputs.plan, PlanShuffle(stream, *inputs.program, sizes));
  inputs.resident_bytes_max = ResidentBytesMax(inputs.plan, sizes);
  inputs.first_pass_bytes = options.first_pass_bytes;
  return inputs;
}

Result<std::shared_ptr<ScatterPhase>> MakeScatterPhase(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                                       std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options,
                                                       ScatterPhase::Earlier earlier) {
  ARROW_ASSIGN_OR_RAISE(auto inputs, ShuffleInputs(std::move(engine), std::move(source), std::move(program), options));
  return ScatterPhase::Make(std::move(inputs), std::move(earlier));
}

Result<PolledStreamPtr> OpenShuffleStream(ScatterPhase::Inputs inputs, const ShuffleStreamOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto scatter, ScatterPhase::Make(std::move(inputs), {}));
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenShuffleStream(scatter, options));
  ARROW_RETURN_NOT_OK(scatter->Start(Priority::kNormal));
  return stream;
}

Result<PolledStreamPtr> OpenShuffleStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<const RowProgram> program, int64_t rows_guess,
                                          const ShuffleStreamOptions& options) {
  const HeldLimits limits{kHeldRowsMax, engine->budget()->limit_bytes() / kHeldShare};
  const Engine& host = *engine;
  auto schema = program->output;
  const auto open = [engine, program = std::move(program), rows_guess, options](const std::shared_ptr<HeldStream>& held) -> Result<PolledStreamPtr> {
    ARROW_ASSIGN_OR_RAISE(auto inputs, ShuffleInputs(engine, program, *held, rows_guess, options));
    inputs.stream = std::make_shared<SharedInput>(LendStream(*engine, held));
    return OpenShuffleStream(std::move(inputs), options);
  };
  return OpenOverHeldStream(host, std::move(input), std::move(schema), limits, open);
}

Result<PolledStreamPtr> OpenShuffleStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source,
                                          std::shared_ptr<const RowProgram> program, const ShuffleStreamOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto inputs, ShuffleInputs(std::move(engine), std::move(source), std::move(program), options));
  return OpenShuffleStream(std::move(inputs), options);
}

}  // namespace millstream
