#include "ingest/spread_sample.h"

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_primitive.h>

namespace millstream {

void SpreadSample::Add(const arrow::RecordBatch& batch) {
  if (schema_ == nullptr) {
    schema_ = batch.schema();
    columns_.resize(static_cast<size_t>(batch.num_columns()));
  }
  for (; skip_ < batch.num_rows(); skip_ += stride_) {
    if (rows_ == rows_max_) Thin();
    for (int column = 0; column < batch.num_columns(); ++column) {
      const auto& values = static_cast<const arrow::Int64Array&>(*batch.column(column));
      columns_[column].valid.push_back(values.IsValid(skip_));
      columns_[column].values.push_back(values.Value(skip_));
    }
    ++rows_;
  }
  skip_ -= batch.num_rows();
}

void SpreadSample::Thin() {
  rows_ = (rows_ + 1) / 2;
  for (Column& column : columns_) {
    for (int64_t row = 0; row < rows_; ++row) {
      column.values[row] = column.values[2 * row];
      column.valid[row] = column.valid[2 * row];
    }
    column.values.resize(rows_);
    column.valid.resize(rows_);
  }
  stride_ *= 2;
}

Result<std::shared_ptr<arrow::RecordBatch>> SpreadSample::Rows() const {
  if (schema_ == nullptr) return nullptr;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const Column& column : columns_) {
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.AppendValues(column.values.data(), rows_, column.valid.data()));
    ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
}

}  // namespace millstream
