#include "ingest/slab.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cstring>

#include "column/gather.h"
#include "ops/evaluate_rows.h"

namespace millstream {
Slab::Slab(int64_t index, int64_t rows, int64_t batch_rows, std::shared_ptr<arrow::Schema> schema, const std::vector<int>* flat_widths,
           std::shared_ptr<HandOverPool> pool)
    : index_(index), rows_(rows), batch_rows_(batch_rows), schema_(std::move(schema)), flat_widths_(flat_widths), pool_(std::move(pool)), missing_(rows) {}

Status Slab::Allocate() {
  const size_t columns = flat_widths_->size();
  flats_.resize(columns);
  valids_.resize(columns);
  arrays_.resize(columns);
  for (size_t column = 0; column < columns; ++column) {
    if ((*flat_widths_)[column] == 0) continue;
    ARROW_ASSIGN_OR_RAISE(flats_[column], arrow::AllocateBuffer(rows_ * (*flat_widths_)[column], pool_.get()));
  }
  return Status::OK();
}

Result<uint8_t*> Slab::flat_valid(int column, int64_t row) {
  std::lock_guard lock(mutex_);
  if (valids_[column] == nullptr) {
    ARROW_ASSIGN_OR_RAISE(valids_[column], arrow::AllocateBuffer(rows_, pool_.get()));
    std::memset(valids_[column]->mutable_data(), 1, rows_);
  }
  return valids_[column]->mutable_data() + row;
}

void Slab::AddArray(int column, int64_t row, std::shared_ptr<arrow::ArrayData> values) {
  std::lock_guard lock(mutex_);
  arrays_[column].push_back({row, std::move(values)});
}

void Slab::SetPosition(int64_t row, OrderPosition position) {
  std::lock_guard lock(mutex_);
  positions_.emplace_back(row, position);
}

const std::vector<std::pair<int64_t, OrderPosition>>& Slab::positions() {
  std::sort(positions_.begin(), positions_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return positions_;
}

Result<std::shared_ptr<arrow::ArrayData>> Slab::FinishFlat(int column) {
  const auto& type = schema_->field(column)->type();
  if (valids_[column] == nullptr) return arrow::ArrayData::Make(type, rows_, {nullptr, flats_[column]}, 0);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateBuffer((rows_ + 7) / 8, pool_.get()));
  const int64_t nulls = PackValidity(valids_[column]->data(), rows_, bits->mutable_data());
  return arrow::ArrayData::Make(type, rows_, {nulls == 0 ? nullptr : bits, flats_[column]}, nulls);
}

Slab::Pieces Slab::Cut(const arrow::ArrayData& data) const {
  Pieces pieces;
  for (int64_t row = 0; row < rows_; row += batch_rows_) pieces.push_back(data.Slice(row, std::min(batch_rows_, rows_ - row)));
  return pieces;
}

Result<Slab::Pieces> Slab::FinishArray(int column) {
  auto& parts = arrays_[column];
  std::sort(parts.begin(), parts.end(), [](const ArrayPart& a, const ArrayPart& b) { return a.row < b.row; });
  const auto& type = schema_->field(column)->type();
  std::shared_ptr<arrow::ArrayData> joined;
  if (parts.size() == 1) {
    joined = parts[0].values;
  } else {
    std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
    for (const auto& part : parts) pieces.push_back(part.values);
    ARROW_ASSIGN_OR_RAISE(joined, Concatenate(pieces, StorageType(type), pool_.get()));
  }
  Pieces cut = Cut(*joined);
  for (auto& piece : cut) {
    ARROW_ASSIGN_OR_RAISE(piece, FromStorage(piece, type, pool_.get()));
  }
  return cut;
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Slab::Finish() {
  for (int column = static_cast<int>(finished_.size()); column < schema_->num_fields(); ++column) {
    if ((*flat_widths_)[column] > 0) {
      ARROW_ASSIGN_OR_RAISE(const auto data, FinishFlat(column));
      finished_.push_back(Cut(*data));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto pieces, FinishArray(column));
      finished_.push_back(std::move(pieces));
    }
    valids_[column].reset();
    arrays_[column].clear();
  }
  flats_.clear();
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int64_t row = 0; row < rows_; row += batch_rows_) {
    Pieces columns;
    for (const Pieces& column : finished_) columns.push_back(column[batches.size()]);
    batches.push_back(arrow::RecordBatch::Make(schema_, std::min(batch_rows_, rows_ - row), std::move(columns)));
  }
  finished_.clear();
  return batches;
}

}  // namespace millstream
