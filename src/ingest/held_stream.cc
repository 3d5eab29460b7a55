#include "ingest/held_stream.h"

#include <algorithm>
#include <mutex>

#include "column/gather.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

/// So many rows of a batch, and of all, tell how large rows are.
constexpr int64_t kMeasuredRowsOfBatch = 256;
constexpr int64_t kMeasuredRowsMax = 4096;

class OverHeldStream : public PolledStream {
 public:
  OverHeldStream(const Engine& engine, std::shared_ptr<HeldStream> held, std::shared_ptr<arrow::Schema> schema, OpenOverHeld open)
      : PolledStream(engine), held_(std::move(held)), schema_(std::move(schema)), open_(std::move(open)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::optional<int64_t> total_rows() const override { return opened_ == nullptr ? std::nullopt : opened_->total_rows(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override {
    ARROW_RETURN_NOT_OK(failed_);
    if (opened_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(const bool filled, held_->Fill(waker));
      if (!filled) return std::nullopt;
      failed_ = Open();
      ARROW_RETURN_NOT_OK(failed_);
    }
    return opened_->TryNext(waker);
  }
  void Close() override {
    if (opened_ != nullptr) opened_->Close();
    held_->Close();
  }
  std::vector<const StageStatistics*> stages() const override {
    std::lock_guard lock(mutex_);
    return opened_ != nullptr ? opened_->stages() : held_->stages();
  }

 private:
  Status Open() {
    ARROW_ASSIGN_OR_RAISE(auto opened, open_(held_));
    std::lock_guard lock(mutex_);
    opened_ = std::move(opened);
    return Status::OK();
  }

  const std::shared_ptr<HeldStream> held_;
  const std::shared_ptr<arrow::Schema> schema_;
  const OpenOverHeld open_;
  Status failed_;
  mutable std::mutex mutex_;  // between opening and stages()
  PolledStreamPtr opened_;
};

}  // namespace

Result<bool> HeldStream::Fill(const Waker& waker) {
  while (!at_end_ && rows_ < limits_.rows && bytes_ < limits_.bytes) {
    ARROW_ASSIGN_OR_RAISE(auto batch, input_->TryNext(waker));
    if (!batch.has_value()) return rows_ > 0 && limits_.open_now && limits_.open_now();
    at_end_ = batch->data == nullptr;
    if (at_end_) break;
    rows_ += batch->data->num_rows();
    bytes_ += RowBytes(*batch->data);
    held_.push_back(std::move(*batch));
  }
  return true;
}

Result<std::optional<StreamBatch>> HeldStream::TryNext(const Waker& waker) {
  if (!held_.empty()) {
    StreamBatch first = std::move(held_.front());
    held_.pop_front();
    return first;
  }
  if (at_end_) return StreamBatch{};
  return input_->TryNext(waker);
}

void HeldStream::Close() {
  held_.clear();
  input_->Close();
}

std::vector<int64_t> HeldStream::RowBytesOf(const RowProgram& program) const {
  std::vector<int64_t> bytes(program.columns.size());
  int64_t looked_at = 0, rows = 0;
  for (const StreamBatch& batch : held_) {
    if (looked_at >= kMeasuredRowsMax) break;
    const auto some = batch.data->Slice(0, kMeasuredRowsOfBatch);
    const auto output = ApplyProgram(program, *some, arrow::default_memory_pool());
    if (!output.ok()) break;  // told, with the row, when it is moved
    looked_at += some->num_rows();
    rows += (*output)->num_rows();
    for (size_t column = 0; column < bytes.size(); ++column) {
      bytes[column] += RowBytes(*(*output)->column_data(static_cast<int>(column)), 0, (*output)->num_rows());
    }
  }
  for (int64_t& column : bytes) column = rows == 0 ? 0 : (column + rows - 1) / rows;
  return bytes;
}

PolledStreamPtr OpenOverHeldStream(const Engine& engine, PolledStreamPtr input, std::shared_ptr<arrow::Schema> schema, const HeldLimits& limits,
                                   OpenOverHeld open) {
  auto held = std::make_shared<HeldStream>(engine, std::move(input), limits);
  return std::make_unique<OverHeldStream>(engine, std::move(held), std::move(schema), std::move(open));
}

}  // namespace millstream
