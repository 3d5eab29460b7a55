#include "ops/scan_rows.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cstring>

#include "column/gather.h"

namespace millstream {
Result<std::unique_ptr<TaskRows>> TaskRows::Open(const ScanSource& source, const ScanTask& task, std::shared_ptr<const RowProgram> program,
                                                 const Options& options, arrow::MemoryPool* pool) {
  std::unique_ptr<TaskRows> rows(new TaskRows());
  ARROW_ASSIGN_OR_RAISE(rows->columns_, source.Open(task, pool));
  if (options.access != ColumnAccess::kOneByOne) ARROW_RETURN_NOT_OK(rows->columns_->ReadSideBySide());
  TellReads(*rows->columns_, *program);
  rows->program_ = std::move(program);
  rows->pool_ = pool;
  rows->options_ = options;
  rows->first_row_ = task.first_row;
  rows->row_ = options.skipped_rows;
  rows->rows_left_ = task.rows - options.skipped_rows;
  rows->open_.resize(rows->program_->columns.size());
  bool flat = !rows->program_->drops_rows() && options.access != ColumnAccess::kOneByOne;
  for (size_t column = 0; flat && column < rows->open_.size(); ++column) flat = rows->FlatField(static_cast<int>(column)) >= 0;
  if (!flat) rows->options_.rows_before = 0;
  return rows;
}

Result<TaskRows::Window> TaskRows::Next(arrow::MemoryPool* pool) {
  Window window;
  if (rows_left_ == 0) return window;
  const int64_t begun = (options_.rows_before + row_) % options_.window_rows;
  window.input_rows = std::min(options_.window_rows - begun, rows_left_);
  const bool close = options_.access != ColumnAccess::kSideBySide || window.input_rows == rows_left_;
  std::shared_ptr<arrow::Buffer> kept;
  if (program_->drops_rows()) {
    ARROW_ASSIGN_OR_RAISE(window.selected, Select(window.input_rows));
    ARROW_ASSIGN_OR_RAISE(kept, KeptRows(window.selected->data(), window.input_rows, pool_));
    if (close) filter_.reset(), selector_.reset();
  }
  const int64_t rows = kept == nullptr ? window.input_rows : kept->size() / 4;
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < program_->output->num_fields(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto data, ReadColumn(column, window, kept.get(), pool));
    columns.push_back(std::move(data));
    if (close) open_[column] = {};
  }
  row_ += window.input_rows;
  rows_left_ -= window.input_rows;
  window.batch = arrow::RecordBatch::Make(program_->output, rows, std::move(columns));
  return window;
}

Result<std::shared_ptr<arrow::Buffer>> TaskRows::Select(int64_t rows) {
  std::shared_ptr<arrow::Buffer> selected;
  if (program_->filter != nullptr) {
    if (filter_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(filter_, OpenArrays(program_->filter_inputs));
    }
    ARROW_ASSIGN_OR_RAISE(auto batch, filter_->Next(rows));
    const RowOrigin origin{*columns_, first_row_ + row_};
    ARROW_ASSIGN_OR_RAISE(selected, EvaluateSelection(*program_->filter, *batch, pool_, &origin));
  }
  if (program_->selector == nullptr) return selected;
  if (selected == nullptr) {
    ARROW_ASSIGN_OR_RAISE(selected, arrow::AllocateBuffer(rows, pool_));
    std::memset(selected->mutable_data(), 1, static_cast<size_t>(rows));
  }
  if (selector_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(selector_, OpenArrays(program_->selector_inputs));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, selector_->Next(rows));
  ARROW_RETURN_NOT_OK(program_->selector->Select(*batch, selected->mutable_data()));
  return selected;
}

Result<std::unique_ptr<InputReader>> TaskRows::OpenArrays(const std::vector<int>& inputs) {
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenInputs(*columns_, *program_->input, inputs, options_.window_rows, pool_));
  for (int64_t row = 0; row < row_; row += options_.window_rows) ARROW_RETURN_NOT_OK(reader->Next(options_.window_rows).status());
  return reader;
}

int TaskRows::FlatField(int column) const {
  const OutputColumn& output = program_->columns[column];
  if (output.passthrough < 0) return -1;
  const auto& input = program_->input->field(output.passthrough);
  const int field = columns_->schema()->GetFieldIndex(input->name());
  return field >= 0 && columns_->FlatWidth(field) > 0 && columns_->schema()->field(field)->type()->Equals(*input->type()) ? field : -1;
}

Status TaskRows::OpenReader(int column) {
  OpenColumn& open = open_[column];
  if (open.flat != nullptr || open.kept != nullptr || open.arrays != nullptr) return Status::OK();
  const int field = FlatField(column);
  if (field < 0) return OpenArrays(program_->columns[column].inputs).Value(&open.arrays);
  if (program_->drops_rows()) {
    ARROW_ASSIGN_OR_RAISE(open.kept, columns_->ReadKept(field));
    return row_ == 0 ? Status::OK() : open.kept->Read(row_, {}, nullptr, nullptr).status();
  }
  ARROW_ASSIGN_OR_RAISE(open.flat, columns_->ReadFlat(field));
  return row_ == 0 ? Status::OK() : open.flat->Skip(row_);
}

Result<std::shared_ptr<arrow::ArrayData>> TaskRows::ReadFlat(int column, int64_t input_rows, const arrow::Buffer* kept, arrow::MemoryPool* pool) {
  const auto& type = program_->columns[column].field->type();
  const int width = static_cast<const arrow::FixedWidthType&>(*type).byte_width();
  const int64_t rows = kept == nullptr ? input_rows : kept->size() / 4;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(rows * width, pool));
  ARROW_ASSIGN_OR_RAISE(auto valid, arrow::AllocateBuffer(rows, pool_));
  const auto read = kept == nullptr ? open_[column].flat->Read(rows, values->mutable_data(), valid->mutable_data())
                                    : open_[column].kept->Read(input_rows, kept->span_as<uint32_t>(), values->mutable_data(), valid->mutable_data());
  ARROW_ASSIGN_OR_RAISE(const int64_t nulls, read);
  if (nulls == 0) return arrow::ArrayData::Make(type, rows, {nullptr, std::move(values)}, 0);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateBuffer(arrow::bit_util::BytesForBits(rows), pool));
  PackValidity(valid->data(), rows, bits->mutable_data());
  return arrow::ArrayData::Make(type, rows, {std::move(bits), std::move(values)}, nulls);
}

Result<std::shared_ptr<arrow::ArrayData>> TaskRows::ReadColumn(int column, const Window& window, const arrow::Buffer* kept,
                                                               arrow::MemoryPool* pool) {
  ARROW_RETURN_NOT_OK(OpenReader(column));
  if (open_[column].arrays == nullptr) return ReadFlat(column, window.input_rows, kept, pool);
  ARROW_ASSIGN_OR_RAISE(auto batch, open_[column].arrays->Next(window.input_rows));
  const RowOrigin origin{*columns_, first_row_ + row_};
  ARROW_ASSIGN_OR_RAISE(const auto data, EvaluateColumn(program_->columns[column], *batch, pool_, &origin));
  // Arrays come from the reading pool, which ends with the stream: what leaves the engine is copied into the output's own memory.
  const auto& type = program_->columns[column].field->type();
  ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(data, pool_));
  if (kept == nullptr) {
    ARROW_ASSIGN_OR_RAISE(stored, Concatenate({stored}, StorageType(type), pool));
  } else {
    ARROW_ASSIGN_OR_RAISE(stored, Gather(*stored, reinterpret_cast<const uint32_t*>(kept->data()), kept->size() / 4, pool));
  }
  return FromStorage(stored, type, pool);
}

}  // namespace millstream
