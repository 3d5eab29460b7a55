#include "ingest/aggregate_stream.h"

#include <algorithm>

#include "ingest/sort_stream.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

constexpr int64_t kSliceRows = 64 << 10;

/// The results of the partitions, in no order.
class PartitionResults : public PolledStream {
 public:
  explicit PartitionResults(std::shared_ptr<AggregatePhase> phase) : PolledStream(*phase->core().engine()), phase_(std::move(phase)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return phase_->result_schema(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(auto batch, phase_->TryTakeResults(waker));
    if (!batch.has_value()) return std::nullopt;
    StreamBatch out;
    out.data = std::move(*batch);
    if (out.data == nullptr) return out;
    out.first_row = next_row_;
    next_row_ += out.data->num_rows();
    return out;
  }
  void Close() override { phase_->Release(); }
  std::vector<const StageStatistics*> stages() const override {
    phase_->UpdateStatistics();
    return phase_->stages();
  }

 private:
  const std::shared_ptr<AggregatePhase> phase_;
  int64_t next_row_ = 0;
};

class AggregateStream : public PolledStream {
 public:
  AggregateStream(std::shared_ptr<AggregatePhase> phase, size_t keys) : PolledStream(*phase->core().engine()), phase_(std::move(phase)), keys_(keys) {}
  ~AggregateStream() override { Close(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return phase_->result_schema(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    if (closed_) return StreamBatch{};
    if (sorted_ != nullptr) return sorted_->TryNext(waker);
    ARROW_RETURN_NOT_OK(phase_->core().cancellation().status());
    switch (phase_->progress(waker)) {
      case AggregatePhase::Progress::kRunning:
        return std::nullopt;
      case AggregatePhase::Progress::kOneTable:
        return NextSlice();
      case AggregatePhase::Progress::kPartitions:
        break;
    }
    ARROW_RETURN_NOT_OK(OpenSorted());
    return sorted_->TryNext(waker);
  }
  void Close() override {
    if (std::exchange(closed_, true)) return;
    if (sorted_ != nullptr) sorted_->Close();
    phase_->Release();
  }
  std::vector<const StageStatistics*> stages() const override {
    std::lock_guard lock(mutex_);
    if (sorted_ != nullptr) return sorted_->stages();
    phase_->UpdateStatistics();
    return phase_->stages();
  }

 private:
  Result<std::optional<StreamBatch>> NextSlice() {
    GroupTable& table = phase_->table();
    StreamBatch out;
    const int64_t rows = std::min(kSliceRows, table.groups() - next_row_);
    if (rows <= 0) return out;
    ARROW_ASSIGN_OR_RAISE(const auto slice, table.FinishSlice(next_row_, rows));
    ARROW_ASSIGN_OR_RAISE(out.data, CopyBatch(*slice, arrow::default_memory_pool()));
    out.first_row = next_row_;
    next_row_ += rows;
    out.position = {0, next_row_};
    return out;
  }

  Status OpenSorted() {
    SortStreamOptions options;
    for (size_t key = 0; key < keys_; ++key) {
      options.by.columns.push_back(static_cast<int>(key));
      options.by.directions.push_back({});
    }
    options.batch_rows = kSliceRows;
    options.memory_kept_bytes = phase_->core().engine()->options().memory_limit_bytes - phase_->memory_left();
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::PassThrough(phase_->result_schema()));
    std::lock_guard lock(mutex_);
    return OpenSortStream(phase_->core().engine(), std::make_unique<PartitionResults>(phase_), std::move(program), phase_->groups_at_most(), options).Value(&sorted_);
  }

  const std::shared_ptr<AggregatePhase> phase_;
  const size_t keys_;
  mutable std::mutex mutex_;  // between opening and stages()
  PolledStreamPtr sorted_;
  int64_t next_row_ = 0;
  bool closed_ = false;
};

}  // namespace

Result<PolledStreamPtr> OpenAggregateStream(AggregatePhase::Inputs inputs) {
  const size_t keys = inputs.keys.size();
  ARROW_ASSIGN_OR_RAISE(auto phase, AggregatePhase::Make(std::move(inputs)));
  ARROW_RETURN_NOT_OK(phase->Start());
  return std::make_unique<AggregateStream>(std::move(phase), keys);
}

}  // namespace millstream
