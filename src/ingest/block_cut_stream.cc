#include "ingest/block_cut_stream.h"

#include <algorithm>

namespace millstream {
namespace {

/// Hands out the input's batches in parts.
class BlockStream : public PolledStream {
 public:
  BlockStream(const Engine& engine, PolledStreamPtr input) : PolledStream(engine), input_(std::move(input)) {}
  void Close() override { input_->Close(); }
  std::vector<const StageStatistics*> stages() const override { return input_->stages(); }

  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    while (batch_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
      if (!batch.has_value() || batch->data == nullptr) return batch;
      if (batch->data->num_rows() == 0) continue;
      batch_ = std::move(batch->data);
    }
    ARROW_ASSIGN_OR_RAISE(const int64_t rows, RowsOfBlock(*batch_));
    StreamBatch out;
    ARROW_ASSIGN_OR_RAISE(out.data, Part(batch_->Slice(0, rows)));
    batch_ = rows < batch_->num_rows() ? batch_->Slice(rows) : nullptr;
    out.source = static_cast<uint32_t>(block_);
    out.first_row = next_row_;
    next_row_ += rows;
    out.position = {out.source, next_row_};
    return out;
  }

 protected:
  /// How many of the batch's first rows are of one block, which block_ then is.
  virtual Result<int64_t> RowsOfBlock(const arrow::RecordBatch& batch) = 0;
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Part(std::shared_ptr<arrow::RecordBatch> rows) = 0;

  const PolledStreamPtr input_;
  int64_t next_row_ = 0;
  int64_t block_ = 0;

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;  // rows that are left of it
};

class EvenBlocks : public BlockStream {
 public:
  EvenBlocks(const Engine& engine, PolledStreamPtr input, int64_t blocks, std::optional<int64_t> rows)
      : BlockStream(engine, std::move(input)), blocks_(blocks), rows_(rows) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }

 private:
  Result<int64_t> RowsOfBlock(const arrow::RecordBatch& batch) override {
    if (!rows_.has_value()) rows_ = input_->total_rows();
    if (!rows_.has_value()) return Status::UnknownError("the number of rows to be cut into blocks is not known");
    const int64_t blocks = std::min(blocks_, std::max<int64_t>(*rows_, 1));
    while (block_ < blocks && End(block_, blocks) <= next_row_) ++block_;
    return block_ < blocks ? std::min(batch.num_rows(), End(block_, blocks) - next_row_) : batch.num_rows();
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Part(std::shared_ptr<arrow::RecordBatch> rows) override { return rows; }
  int64_t End(int64_t block, int64_t blocks) const { return static_cast<int64_t>(static_cast<__int128>(*rows_) * (block + 1) / blocks); }

  const int64_t blocks_;
  std::optional<int64_t> rows_;
};

class BlocksOfRows : public BlockStream {
 public:
  BlocksOfRows(const Engine& engine, PolledStreamPtr input, int64_t rows) : BlockStream(engine, std::move(input)), rows_(rows) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }

 private:
  Result<int64_t> RowsOfBlock(const arrow::RecordBatch& batch) override {
    block_ = next_row_ / rows_;
    return std::min(batch.num_rows(), rows_ - next_row_ % rows_);
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Part(std::shared_ptr<arrow::RecordBatch> rows) override { return rows; }

  const int64_t rows_;
};

class NumberedBlocks : public BlockStream {
 public:
  using BlockStream::BlockStream;
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

 private:
  Result<int64_t> RowsOfBlock(const arrow::RecordBatch& batch) override {
    const auto* numbers = batch.column_data(batch.num_columns() - 1)->GetValues<int32_t>(1);
    block_ = numbers[0];
    return std::find_if(numbers, numbers + batch.num_rows(), [&](int32_t number) { return number != numbers[0]; }) - numbers;
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Part(std::shared_ptr<arrow::RecordBatch> rows) override {
    ARROW_ASSIGN_OR_RAISE(auto part, rows->RemoveColumn(rows->num_columns() - 1));
    if (schema_ == nullptr) schema_ = part->schema();
    return part;
  }

  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

PolledStreamPtr OpenEvenBlocks(const Engine& engine, PolledStreamPtr input, int64_t blocks, std::optional<int64_t> rows) {
  return std::make_unique<EvenBlocks>(engine, std::move(input), blocks, rows);
}

PolledStreamPtr OpenBlocksOfRows(const Engine& engine, PolledStreamPtr input, int64_t rows) { return std::make_unique<BlocksOfRows>(engine, std::move(input), rows); }

PolledStreamPtr OpenNumberedBlocks(const Engine& engine, PolledStreamPtr input) { return std::make_unique<NumberedBlocks>(engine, std::move(input)); }

}  // namespace millstream
