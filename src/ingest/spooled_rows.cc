#include "ingest/spooled_rows.h"

#include <algorithm>
#include <utility>

#include "column/frame.h"
#include "column/gather.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

constexpr int64_t kStagingBytes = 256 << 10;

class SpoolingStream : public PolledStream {
 public:
  SpoolingStream(const Engine& engine, PolledStreamPtr input, std::shared_ptr<SpooledRows> rows)
      : PolledStream(engine), input_(std::move(input)), rows_(std::move(rows)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }
  std::optional<int64_t> total_rows() const override { return input_->total_rows(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
    if (!batch.has_value()) return batch;
    ARROW_RETURN_NOT_OK(batch->data == nullptr ? rows_->EndWriting(input_->schema()) : rows_->Append(batch->data));
    return batch;
  }
  void Close() override { input_->Close(); }
  void StopSoon() override { input_->StopSoon(); }
  std::vector<const StageStatistics*> stages() const override {
    auto stages = input_->stages();
    stages.push_back(&rows_->statistics());
    return stages;
  }

 private:
  const PolledStreamPtr input_;
  const std::shared_ptr<SpooledRows> rows_;
};

}  // namespace

Status SpooledRows::Open() {
  ARROW_ASSIGN_OR_RAISE(const auto shared, engine_->spill());
  ARROW_ASSIGN_OR_RAISE(area_, shared->NewScope());
  return area_->NewWriter(pool_, kStagingBytes).Value(&writer_);
}

Status SpooledRows::Append(const std::shared_ptr<arrow::RecordBatch>& batch) {
  CpuTimer timer(&statistics_.cpu_nanoseconds);
  if (schema_ == nullptr) schema_ = batch->schema();
  const int64_t rows = batch->num_rows();
  if (rows == 0) return Status::OK();
  if (writer_ == nullptr) ARROW_RETURN_NOT_OK(Open());
  const int64_t bytes = RowBytes(*batch);
  const int64_t parts = std::clamp<int64_t>((bytes + frame_bytes_ - 1) / frame_bytes_, 1, rows);
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t begin = rows * part / parts;
    pending_.push_back(batch->Slice(begin, rows * (part + 1) / parts - begin));
    pending_bytes_ += bytes / parts;
    if (pending_bytes_ >= frame_bytes_ / 2) ARROW_RETURN_NOT_OK(WriteFrame());
  }
  // What waits for others must not keep the memory of who gave it.
  if (!pending_.empty()) ARROW_RETURN_NOT_OK(CopyBatch(*pending_.back(), pool_->for_libraries()).Value(&pending_.back()));
  statistics_.rows += rows;
  statistics_.bytes += bytes;
  return Status::OK();
}

Status SpooledRows::WriteFrame() {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;  // what the pieces point into
  FramePieces pieces;
  int64_t rows = 0;
  for (const auto& batch : pending_) rows += batch->num_rows();
  for (int column = 0; column < schema_->num_fields(); ++column) {
    std::vector<std::shared_ptr<arrow::ArrayData>> parts;
    for (const auto& batch : pending_) parts.push_back(batch->column_data(column));
    ARROW_ASSIGN_OR_RAISE(auto whole, Concatenate(parts, schema_->field(column)->type(), pool_->for_libraries()));
    ARROW_RETURN_NOT_OK(AppendColumn(*whole, &pieces));
    columns.push_back(std::move(whole));
  }
  std::vector<RunWriter::Piece> written;
  for (const auto& piece : pieces.pieces) written.push_back({piece.data, piece.bytes});
  ARROW_ASSIGN_OR_RAISE(const auto location, writer_->Append({}, written));
  frames_.push_back({location, rows});
  pending_.clear();
  pending_bytes_ = 0;
  statistics_.spilled_bytes += location.stored_bytes;
  return Status::OK();
}

Status SpooledRows::EndWriting(const std::shared_ptr<arrow::Schema>& schema) {
  if (schema_ == nullptr) schema_ = schema == nullptr ? arrow::schema({}) : schema;
  if (writer_ == nullptr) return Status::OK();
  CpuTimer timer(&statistics_.cpu_nanoseconds);
  if (!pending_.empty()) ARROW_RETURN_NOT_OK(WriteFrame());
  ARROW_RETURN_NOT_OK(writer_->Flush());
  writer_.reset();
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> SpooledRows::Next() {
  if (next_ == frames_.size()) return nullptr;
  CpuTimer timer(&statistics_.cpu_nanoseconds);
  const Frame& frame = frames_[next_];
  ARROW_ASSIGN_OR_RAISE(const auto buffer, area_->ReadFrame(frame.location, pool_.get()));
  statistics_.read_back_bytes += frame.location.stored_bytes;
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  int64_t position = 0;
  for (const auto& field : schema_->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto values, ReadColumn(buffer, &position, StorageType(field->type())));
    ARROW_ASSIGN_OR_RAISE(values, FromStorage(values, field->type(), arrow::default_memory_pool()));
    columns.push_back(std::move(values));
  }
  area_->Discard(frame.location);
  ++next_;
  return arrow::RecordBatch::Make(schema_, frame.rows, std::move(columns));
}

void SpooledRows::Close() {
  pending_.clear();
  writer_.reset();
  area_.reset();
  frames_.clear();
  next_ = 0;
}

PolledStreamPtr SpoolStream(const Engine& engine, PolledStreamPtr input, std::shared_ptr<SpooledRows> rows) {
  return std::make_unique<SpoolingStream>(engine, std::move(input), std::move(rows));
}

}  // namespace millstream
