#include "ingest/attach_stream.h"

#include <algorithm>
#include <utility>

#include "column/gather.h"
#include "ingest/block_rows.h"
#include "memory/hand_over_pool.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

class AttachStream : public PolledStream {
 public:
  AttachStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<SpooledRows> rows, std::shared_ptr<BudgetPool> pool, AttachedSchema schema,
               AttachRows attach, AttachOptions options)
      : PolledStream(*engine), engine_(std::move(engine)), input_(std::move(input)), rows_(std::move(rows)), pool_(std::move(pool)), make_schema_(std::move(schema)),
        attach_(std::move(attach)), options_(options) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::optional<int64_t> total_rows() const override { return input_->total_rows(); }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    while (batch_ == nullptr || at_ == batch_->num_rows()) {
      ARROW_ASSIGN_OR_RAISE(auto next, input_->TryNext(waker));
      if (!next.has_value()) return next;
      if (schema_ == nullptr) ARROW_RETURN_NOT_OK(make_schema_().Value(&schema_));
      batch_ = std::move(next->data);
      at_ = 0;
      if (batch_ == nullptr) {
        held_.reset();
        return StreamBatch{};
      }
    }
    StreamBatch out;
    ARROW_RETURN_NOT_OK(Attach().Value(&out.data));
    return out;
  }

  void Close() override {
    input_->Close();
    batch_.reset();
    held_.reset();
    rows_->Close();
  }
  void StopSoon() override { input_->StopSoon(); }
  std::vector<const StageStatistics*> stages() const override { return input_->stages(); }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Attach() {
    const arrow::ArrayData& column = *batch_->column_data(options_.column);
    const auto named = batch_->num_rows() - column.GetNullCount();  // the others are behind them
    if (at_ >= named) return attach_(*Take(std::min(batch_->num_rows(), at_ + RowsWithin(options_.batch_bytes, *schema_))), nullptr);
    const auto* numbers = column.GetValues<int64_t>(1);
    ARROW_RETURN_NOT_OK(HoldRow(numbers[at_]));
    const int64_t begin = at_;
    const int64_t last = std::min(named, begin + std::max<int64_t>(options_.batch_bytes / held_row_bytes_, 1));
    const int64_t end = std::lower_bound(numbers + begin, numbers + last, held_begin_ + held_->num_rows()) - numbers;
    const auto input = Take(end);
    const bool all_of_range = numbers[end - 1] - numbers[begin] == end - begin - 1 && std::adjacent_find(numbers + begin, numbers + end) == numbers + end;
    // A few rows would keep the memory of all.
    const bool shares = all_of_range && !options_.hands_over && 2 * (end - begin) >= held_->num_rows();
    if (shares) return attach_(*input, held_->Slice(numbers[begin] - held_begin_, end - begin));
    indices_.clear();
    for (int64_t row = begin; row < end; ++row) indices_.push_back(static_cast<uint32_t>(numbers[row] - held_begin_));
    const auto memory = HandOverPool::Make(pool_->ledger(), engine_->arena());
    ARROW_ASSIGN_OR_RAISE(const auto rows, GatherRows(*held_, indices_.data(), end - begin, memory.get()));
    if (options_.hands_over) memory->EndCharge();
    return attach_(*input, rows);
  }

  std::shared_ptr<arrow::RecordBatch> Take(int64_t end) {
    const int64_t begin = std::exchange(at_, end);
    return batch_->Slice(begin, end - begin);
  }

  /// Goes on to the rows among which this one is.
  Status HoldRow(int64_t number) {
    while (held_ == nullptr || number >= held_begin_ + held_->num_rows()) {
      if (held_ != nullptr) held_begin_ += held_->num_rows();
      held_.reset();
      ARROW_RETURN_NOT_OK(rows_->Next().Value(&held_));
      if (held_ == nullptr) return MakeError(ErrorKind::kOther, "row " + std::to_string(number) + " was not kept");
      held_row_bytes_ = RowBytes(*held_) / held_->num_rows() + 1;
    }
    return Status::OK();
  }

  const std::shared_ptr<Engine> engine_;
  const PolledStreamPtr input_;
  const std::shared_ptr<SpooledRows> rows_;
  const std::shared_ptr<BudgetPool> pool_;
  const AttachedSchema make_schema_;
  const AttachRows attach_;
  const AttachOptions options_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> batch_;  // of the input
  int64_t at_ = 0;                             // in it
  std::shared_ptr<arrow::RecordBatch> held_;   // rows from held_begin_ on
  int64_t held_begin_ = 0;
  int64_t held_row_bytes_ = 1;
  std::vector<uint32_t> indices_;
};

}  // namespace

PolledStreamPtr OpenAttachStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<SpooledRows> rows, std::shared_ptr<BudgetPool> pool,
                                 AttachedSchema schema, AttachRows attach, AttachOptions options) {
  return std::make_unique<AttachStream>(std::move(engine), std::move(input), std::move(rows), std::move(pool), std::move(schema), std::move(attach), options);
}

}  // namespace millstream
