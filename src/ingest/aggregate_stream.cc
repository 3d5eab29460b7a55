#include "ingest/aggregate_stream.h"

#include <algorithm>
#include <numeric>

#include "ingest/rebatch_stream.h"
#include "ingest/sort_stream.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

constexpr int64_t kSliceRows = 64 << 10;
/// Of the memory: a batch, where its size is free.
constexpr int64_t kSliceShare = 64;

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
  AggregateStream(std::shared_ptr<AggregatePhase> phase, bool any_size) : PolledStream(*phase->core().engine()), phase_(std::move(phase)), any_size_(any_size) {}
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
    if (next_row_ == table.groups()) return out;
    ARROW_ASSIGN_OR_RAISE(const auto slice, FinishSlice(table));
    ARROW_ASSIGN_OR_RAISE(out.data, CopyBatch(*slice, arrow::default_memory_pool()));
    out.first_row = next_row_;
    next_row_ += slice->num_rows();
    out.position = {0, next_row_};
    return out;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> FinishSlice(GroupTable& table) {
    if (!any_size_) return table.FinishSlice(next_row_, kSliceRows);
    for (int64_t rows = RowsOfGroupSlice(phase_->inputs().memory_bytes, table.bytes() / table.groups() + 1);; rows /= 2) {
      auto slice = table.FinishSlice(next_row_, rows);
      if (!RefusedMemory(slice.status()) || rows == 1) return slice;
    }
  }

  Status OpenSorted() {
    const auto& engine = phase_->core().engine();
    const auto sizes = phase_->result_sizes();
    SortStreamOptions options;
    for (size_t key = 0; key < phase_->inputs().keys.size(); ++key) {
      options.by.columns.push_back(static_cast<int>(key));
      options.by.directions.push_back({});
    }
    options.stage_name = "GroupBy, groups sorted";
    options.row_bytes = sizes.row_bytes;
    options.batch_rows = RowsOfGroupSlice(phase_->memory_left(), std::accumulate(sizes.row_bytes.begin(), sizes.row_bytes.end(), int64_t{1}));
    options.memory_kept_bytes = engine->options().memory_limit_bytes - phase_->memory_left();
    options.open_now = [phase = phase_] { return phase->WaitsForSort(); };
    options.when_open = [phase = phase_] { phase->SortIsOpen(); };
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::PassThrough(phase_->result_schema()));
    ARROW_ASSIGN_OR_RAISE(auto sorted, OpenSortStream(engine, std::make_unique<PartitionResults>(phase_), std::move(program), sizes.rows, options));
    if (!any_size_ && options.batch_rows < kSliceRows) {
      ARROW_ASSIGN_OR_RAISE(sorted, OpenRebatchStream(engine, std::move(sorted), {kSliceRows, false, false, nullptr}));
    }
    std::lock_guard lock(mutex_);
    sorted_ = std::move(sorted);
    return Status::OK();
  }

  const std::shared_ptr<AggregatePhase> phase_;
  const bool any_size_;
  mutable std::mutex mutex_;  // between opening and stages()
  PolledStreamPtr sorted_;
  int64_t next_row_ = 0;
  bool closed_ = false;
};

}  // namespace

int64_t RowsOfGroupSlice(int64_t memory_bytes, int64_t row_bytes) { return std::clamp<int64_t>(memory_bytes / kSliceShare / row_bytes, 1, kSliceRows); }

Result<PolledStreamPtr> OpenAggregateStream(AggregatePhase::Inputs inputs, bool any_size) {
  ARROW_ASSIGN_OR_RAISE(auto phase, AggregatePhase::Make(std::move(inputs)));
  ARROW_RETURN_NOT_OK(phase->Start());
  return std::make_unique<AggregateStream>(std::move(phase), any_size);
}

}  // namespace millstream
