#include "ingest/group_cut_stream.h"

#include <algorithm>
#include <deque>

#include "column/gather.h"
#include "memory/hand_over_pool.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

/// Groups go together in batches of about so many rows: a call for each of many small ones would cost more than they do.
constexpr int64_t kBatchRows = 16 << 10;

class GroupCutStream : public PolledStream {
 public:
  GroupCutStream(std::shared_ptr<Engine> engine, std::shared_ptr<Ledger> ledger, PolledStreamPtr input, std::vector<int> columns)
      : PolledStream(*engine), engine_(std::move(engine)), ledger_(std::move(ledger)), input_(std::move(input)), columns_(std::move(columns)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }
  void Close() override {
    input_->Close();
    parts_.clear();
  }
  std::vector<const StageStatistics*> stages() const override { return input_->stages(); }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    while (!at_end_ && complete_rows_ < kBatchRows) {
      ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
      if (!batch.has_value()) return batch;
      if (batch->data == nullptr) {
        at_end_ = true;
        complete_rows_ = rows_;
      } else if (batch->data->num_rows() > 0) {
        ARROW_RETURN_NOT_OK(Add(std::move(batch->data)));
      }
    }
    if (complete_rows_ == 0) return StreamBatch{};
    return Cut();
  }

 private:
  Result<std::unique_ptr<SortKeyRows>> KeysOf(const arrow::RecordBatch& batch, int64_t begin, int64_t count) const {
    std::vector<std::shared_ptr<arrow::ArrayData>> stored;
    for (const int column : columns_) {
      ARROW_ASSIGN_OR_RAISE(auto values, ToStorage(batch.column_data(column)->Slice(begin, count), arrow::default_memory_pool()));
      stored.push_back(std::move(values));
    }
    auto keys = std::make_unique<SortKeyRows>(std::vector<SortDirection>(columns_.size()), arrow::default_memory_pool());
    ARROW_RETURN_NOT_OK(keys->Fill(stored));
    return keys;
  }

  Status Add(std::shared_ptr<arrow::RecordBatch> batch) {
    ARROW_ASSIGN_OR_RAISE(const auto keys, KeysOf(*batch, 0, batch->num_rows()));
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      const bool same = row > 0 ? keys->Compare(row, *keys, row - 1) == 0 : last_ != nullptr && keys->Compare(0, *last_, 0) == 0;
      if (same) continue;
      starts_.push_back(rows_ + row);
      complete_rows_ = rows_ + row;
    }
    ARROW_ASSIGN_OR_RAISE(last_, KeysOf(*batch, batch->num_rows() - 1, 1));
    rows_ += batch->num_rows();
    parts_.push_back(std::move(batch));
    return Status::OK();
  }

  /// The complete groups, as one batch.
  Result<std::optional<StreamBatch>> Cut() {
    std::vector<std::shared_ptr<arrow::RecordBatch>> taken;
    int64_t wanted = complete_rows_;
    while (wanted > 0) {
      auto& front = parts_.front();
      const int64_t rows = std::min(wanted, front->num_rows());
      taken.push_back(front->Slice(0, rows));
      wanted -= rows;
      if (rows < front->num_rows()) front = front->Slice(rows);
      else parts_.pop_front();
    }
    StreamBatch out;
    ARROW_ASSIGN_OR_RAISE(out.data, Join(taken));
    const auto next = std::lower_bound(starts_.begin(), starts_.end(), complete_rows_);
    out.group_starts = std::make_shared<const std::vector<int64_t>>(starts_.begin(), next);
    starts_.erase(starts_.begin(), next);
    for (int64_t& start : starts_) start -= complete_rows_;
    rows_ -= complete_rows_;
    out.first_row = rows_given_;
    rows_given_ += complete_rows_;
    out.position = {0, rows_given_};
    complete_rows_ = 0;
    return out;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Join(const std::vector<std::shared_ptr<arrow::RecordBatch>>& parts) const {
    if (parts.size() == 1) return parts.front();
    const auto pool = HandOverPool::Make(ledger_, engine_->arena());
    ARROW_ASSIGN_OR_RAISE(auto joined, JoinBatches(parts, pool.get()));
    pool->EndCharge();
    return joined;
  }

  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Ledger> ledger_;
  const PolledStreamPtr input_;
  const std::vector<int> columns_;
  std::deque<std::shared_ptr<arrow::RecordBatch>> parts_;
  std::vector<int64_t> starts_;        // of groups among the rows of the parts
  std::unique_ptr<SortKeyRows> last_;  // the key of the last row that came
  int64_t rows_ = 0;                   // of the parts
  int64_t complete_rows_ = 0;          // of them, before the last group
  int64_t rows_given_ = 0;
  bool at_end_ = false;
};

}  // namespace

Result<PolledStreamPtr> OpenGroupCutStream(const std::shared_ptr<Engine>& engine, PolledStreamPtr input, std::vector<int> columns) {
  ARROW_ASSIGN_OR_RAISE(auto ledger, Budget::Open(engine->budget(), "groups", 0));
  return std::make_unique<GroupCutStream>(engine, std::move(ledger), std::move(input), std::move(columns));
}

}  // namespace millstream
