#include "ingest/local_shuffle.h"

#include <algorithm>

#include "ingest/shuffle_buffer.h"
#include "memory/hand_over_pool.h"

namespace millstream {
namespace {

class LocalShuffleStream : public BatchStream {
 public:
  LocalShuffleStream(std::unique_ptr<BatchStream> input, std::shared_ptr<BudgetPool> pool, const LocalShuffleOptions& options)
      : input_(std::move(input)), pool_(std::move(pool)), options_(options) {
    buffer_ = std::make_unique<ShuffleBuffer>(input_->schema(), pool_, options_.seed);
  }
  ~LocalShuffleStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }

  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override {
    if (buffer_ == nullptr) return StreamBatch{};
    const int64_t wanted = std::max(options_.buffer_rows, options_.batch_rows);
    while (!at_end_ && buffer_->rows() < wanted) ARROW_RETURN_NOT_OK(Fill(interrupted));
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
    const Status added = buffer_->Add(*batch.data);
    statistics_.peak_memory_bytes = pool_->ledger()->peak_bytes();
    if (added.ok()) return added;
    return WithContext(added, "local_shuffle_buffer_size=" + std::to_string(options_.buffer_rows) +
                                  " (make it smaller, or use random_shuffle(), which spills what does not fit)");
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
  std::unique_ptr<ShuffleBuffer> buffer_;  // none once closed
  StageStatistics statistics_{"LocalShuffle"};
  bool at_end_ = false;
};

Status CheckAtLeastOne(const char* name, int64_t value) {
  if (value >= 1) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, std::string(name) + " must be at least 1, got " + std::to_string(value));
}

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenLocalShuffle(const Engine& engine, std::unique_ptr<BatchStream> input, const LocalShuffleOptions& options) {
  ARROW_RETURN_NOT_OK(CheckAtLeastOne("local_shuffle_buffer_size", options.buffer_rows));
  ARROW_RETURN_NOT_OK(CheckAtLeastOne("batch_size", options.batch_rows));
  ARROW_ASSIGN_OR_RAISE(auto pool, engine.OpenPool("local shuffle", 0));
  return std::make_unique<LocalShuffleStream>(std::move(input), std::move(pool), options);
}

}  // namespace millstream
