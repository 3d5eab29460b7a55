#include "ops/scan_rows.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <algorithm>

#include "column/gather.h"

namespace millstream {
namespace {

std::vector<uint32_t> KeptRows(const uint8_t* selected, int64_t rows) {
  std::vector<uint32_t> kept;
  for (int64_t row = 0; row < rows; ++row) {
    if (selected[row]) kept.push_back(static_cast<uint32_t>(row));
  }
  return kept;
}

}  // namespace

Result<std::unique_ptr<TaskRows>> TaskRows::Open(const ScanSource& source, const ScanTask& task, std::shared_ptr<const RowProgram> program,
                                                 int64_t window_rows, arrow::MemoryPool* pool) {
  std::unique_ptr<TaskRows> rows(new TaskRows());
  ARROW_ASSIGN_OR_RAISE(rows->columns_, source.Open(task, pool));
  rows->program_ = std::move(program);
  rows->pool_ = pool;
  rows->window_rows_ = window_rows;
  rows->rows_left_ = task.rows;
  rows->open_.resize(rows->program_->columns.size());
  return rows;
}

Result<TaskRows::Window> TaskRows::Next(arrow::MemoryPool* pool) {
  Window window;
  if (rows_left_ == 0) return window;
  window.input_rows = std::min(window_rows_, rows_left_);
  std::vector<uint32_t> kept;
  if (program_->filter != nullptr) {
    ARROW_ASSIGN_OR_RAISE(window.selected, Select(window.input_rows));
    kept = KeptRows(window.selected->data(), window.input_rows);
  }
  const int64_t rows = window.selected == nullptr ? window.input_rows : static_cast<int64_t>(kept.size());
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < program_->output->num_fields(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto data, ReadColumn(column, window, kept, pool));
    columns.push_back(std::move(data));
    if (window.input_rows == rows_left_) open_[column] = {};
  }
  rows_left_ -= window.input_rows;
  window.batch = arrow::RecordBatch::Make(program_->output, rows, std::move(columns));
  return window;
}

Result<std::shared_ptr<arrow::Buffer>> TaskRows::Select(int64_t rows) {
  if (filter_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(filter_, OpenInputs(*columns_, *program_->input, program_->filter_inputs, window_rows_, pool_));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, filter_->Next(rows));
  return EvaluateSelection(*program_->filter, *batch, pool_);
}

Status TaskRows::OpenReader(int column) {
  OpenColumn& open = open_[column];
  if (open.flat != nullptr || open.arrays != nullptr) return Status::OK();
  const OutputColumn& output = program_->columns[column];
  if (output.passthrough >= 0) {
    const auto& input = program_->input->field(output.passthrough);
    const int field = columns_->schema()->GetFieldIndex(input->name());
    if (field >= 0 && columns_->FlatWidth(field) > 0 && columns_->schema()->field(field)->type()->Equals(*input->type())) {
      ARROW_ASSIGN_OR_RAISE(open.flat, columns_->ReadFlat(field));
      return Status::OK();
    }
  }
  ARROW_ASSIGN_OR_RAISE(open.arrays, OpenInputs(*columns_, *program_->input, output.inputs, window_rows_, pool_));
  return Status::OK();
}

Result<std::shared_ptr<arrow::ArrayData>> TaskRows::ReadFlat(int column, int64_t rows, arrow::MemoryPool* pool) {
  const auto& type = program_->columns[column].field->type();
  const int width = static_cast<const arrow::FixedWidthType&>(*type).byte_width();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(rows * width, pool));
  ARROW_ASSIGN_OR_RAISE(auto valid, arrow::AllocateBuffer(rows, pool_));
  ARROW_ASSIGN_OR_RAISE(const int64_t nulls, open_[column].flat->Read(rows, values->mutable_data(), valid->mutable_data()));
  if (nulls == 0) return arrow::ArrayData::Make(type, rows, {nullptr, std::move(values)}, 0);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateBuffer(arrow::bit_util::BytesForBits(rows), pool));
  PackValidity(valid->data(), rows, bits->mutable_data());
  return arrow::ArrayData::Make(type, rows, {std::move(bits), std::move(values)}, nulls);
}

Result<std::shared_ptr<arrow::ArrayData>> TaskRows::ReadColumn(int column, const Window& window, const std::vector<uint32_t>& kept,
                                                               arrow::MemoryPool* pool) {
  ARROW_RETURN_NOT_OK(OpenReader(column));
  const bool all = window.selected == nullptr;
  std::shared_ptr<arrow::ArrayData> data;
  if (open_[column].flat != nullptr) {
    ARROW_ASSIGN_OR_RAISE(data, ReadFlat(column, window.input_rows, all ? pool : pool_));
    if (all) return data;
  } else {
    ARROW_ASSIGN_OR_RAISE(auto batch, open_[column].arrays->Next(window.input_rows));
    ARROW_ASSIGN_OR_RAISE(data, EvaluateColumn(program_->columns[column], *batch, pool_));
  }
  // Arrays come from the reading pool, which ends with the stream: what leaves the engine is copied into the output's own memory.
  const auto& type = program_->columns[column].field->type();
  ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(data, pool_));
  if (all) {
    ARROW_ASSIGN_OR_RAISE(stored, Concatenate({stored}, StorageType(type), pool));
  } else {
    ARROW_ASSIGN_OR_RAISE(stored, Gather(*stored, kept.data(), static_cast<int64_t>(kept.size()), pool));
  }
  return FromStorage(stored, type, pool);
}

}  // namespace millstream
