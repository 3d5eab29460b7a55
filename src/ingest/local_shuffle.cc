#include "ingest/local_shuffle.h"

#include <algorithm>

#include "exchange/column_form.h"
#include "ingest/describe_stages.h"
#include "ingest/shuffle_buffer.h"
#include "memory/hand_over_pool.h"
#include "plan/blocks.h"

namespace millstream {
namespace {

constexpr char kSmallerBuffer[] = " (make it smaller, or use random_shuffle(), which spills what does not fit)";

class LocalShuffleStream : public BatchStream {
 public:
  LocalShuffleStream(std::unique_ptr<BatchStream> input, std::shared_ptr<BudgetPool> pool, const LocalShuffleOptions& options)
      : input_(std::move(input)), pool_(std::move(pool)), options_(options) {}
  ~LocalShuffleStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }

  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override {
    if (pool_ == nullptr) return StreamBatch{};
    const int64_t wanted = std::max(options_.buffer_rows, options_.batch_rows);
    while (!at_end_ && (buffer_ == nullptr || buffer_->rows() < wanted)) ARROW_RETURN_NOT_OK(Fill(interrupted));
    if (buffer_ == nullptr) return StreamBatch{};
    const int64_t rows = std::min(options_.batch_rows, buffer_->rows());
    if (rows == 0 || (rows < options_.batch_rows && options_.drop_last)) return StreamBatch{};
    return Draw(rows);
  }

  void Close() override {
    buffer_.reset();
    pool_.reset();
    input_->Close();
  }

  std::vector<const StageStatistics*> stages() const override {
    auto stages = input_->stages();
    stages.push_back(&statistics_);
    return stages;
  }

 private:
  Status Fill(const std::function<bool()>& interrupted) {
    ARROW_ASSIGN_OR_RAISE(const StreamBatch batch, input_->Next(interrupted));
    at_end_ = batch.data == nullptr;
    if (at_end_) return Status::OK();
    CpuTimer timer(&statistics_.cpu_nanoseconds);
    if (buffer_ == nullptr) buffer_ = std::make_unique<ShuffleBuffer>(batch.data->schema(), pool_, options_.seed);
    const Status added = buffer_->Add(*batch.data);
    statistics_.peak_memory_bytes = pool_->ledger()->peak_bytes();
    if (added.ok()) return added;
    return WithContext(added, "local_shuffle_buffer_size=" + std::to_string(options_.buffer_rows) + kSmallerBuffer);
  }

  Result<StreamBatch> Draw(int64_t rows) {
    CpuTimer timer(&statistics_.cpu_nanoseconds);
    const auto memory = HandOverPool::Make(pool_->ledger(), pool_->arena());
    StreamBatch out;
    ARROW_ASSIGN_OR_RAISE(out.data, buffer_->Draw(rows, memory.get()));
    memory->EndCharge();
    statistics_.rows += rows;
    return out;
  }

  std::unique_ptr<BatchStream> input_;
  std::shared_ptr<BudgetPool> pool_;
  LocalShuffleOptions options_;
  std::unique_ptr<ShuffleBuffer> buffer_;  // from the first batch on
  StageStatistics statistics_{"LocalShuffle"};
  bool at_end_ = false;
};

Status CheckAtLeastOne(const char* name, int64_t value) {
  if (value >= 1) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, std::string(name) + " must be at least 1, got " + std::to_string(value));
}

constexpr int64_t kVaryingWidthGuess = 32;
/// Page rounding, and a chunk that is being rewritten.
constexpr int64_t kFixedBytes = 1 << 20;
constexpr int64_t kSlotBytes = 8;

/// Twice the rows of the full buffer, their slots, which grow by half, and a batch.
int64_t BufferBytes(const LocalShuffleInput& input, const LocalShuffleOptions& options) {
  const int64_t wanted = std::max(options.buffer_rows, options.batch_rows);
  const int64_t rows = input.rows - wanted < input.batch_rows ? input.rows : wanted + input.batch_rows;  // no overflow
  return rows * (2 * input.row_bytes + 3 * kSlotBytes / 2) + std::min(options.batch_rows, rows) * input.row_bytes + kFixedBytes;
}

}  // namespace

LocalShuffleInput LocalShuffleInputOf(const PlanNode& plan, int64_t batch_rows) {
  const ScanSource& source = *SourceOf(plan).source;
  LocalShuffleInput input{GuessRows(plan), 1, batch_rows};
  const ScanSizes sizes = source.sizes();
  // Above a function whose columns nobody knows, those of the source are the best guess.
  const arrow::Schema& schema = plan.schema == nullptr ? *source.schema() : *plan.schema;
  const auto widths = FlatWidths(schema);
  for (size_t column = 0; column < widths.size(); ++column) {
    const int field = source.schema()->GetFieldIndex(schema.field(static_cast<int>(column))->name());
    const bool known = field >= 0 && !sizes.columns.empty() && sizes.columns[field].row_bytes > 0;
    input.row_bytes += widths[column] > 0 ? widths[column] + 1 : known ? sizes.columns[field].row_bytes * 5 / 4 : kVaryingWidthGuess;
  }
  return input;
}

Result<std::unique_ptr<BatchStream>> OpenLocalShuffle(const Engine& engine, const LocalShuffleInput& input, const LocalShuffleOptions& options,
                                                      ExecuteOptions execute, const OpenInput& open) {
  ARROW_RETURN_NOT_OK(CheckAtLeastOne("local_shuffle_buffer_size", options.buffer_rows));
  ARROW_RETURN_NOT_OK(CheckAtLeastOne("batch_size", options.batch_rows));
  execute.memory_kept_bytes = BufferBytes(input, options);
  auto pool = engine.OpenPool("local shuffle", execute.memory_kept_bytes);
  // Also where the buffer alone is refused: the input's refusal names what both need.
  auto stream = pool.ok() || KindOf(pool.status()) == ErrorKind::kBudget ? open(execute) : pool.status();
  if (!stream.ok()) {
    if (KindOf(stream.status()) != ErrorKind::kBudget) return stream;
    return WithContext(stream.status(), "local_shuffle_buffer_size=" + std::to_string(options.buffer_rows) + kSmallerBuffer);
  }
  ARROW_RETURN_NOT_OK(pool);
  return std::make_unique<LocalShuffleStream>(std::move(*stream), std::move(*pool), options);
}

}  // namespace millstream
