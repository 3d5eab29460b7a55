#include "exec/scatter_lane.h"

#include <algorithm>

#include "column/gather.h"
#include "column/narrow.h"
#include "exchange/column_form.h"
#include "exec/add_arrays.h"
#include "ops/evaluate_rows.h"

namespace millstream {
namespace {

/// Rows decoded at a time: 128 KiB of 8-byte values, which stay in the second-level cache until they are scattered.
constexpr int64_t kDecodeRows = 16 << 10;
/// Of values of varying width, while a builder moves them to a buffer twice as large.
constexpr int64_t kDecodedCopies = 3;

std::vector<PieceRows> CutIntoPieces(const ScanTask& task, int64_t piece_rows) {
  std::vector<PieceRows> pieces;
  for (int64_t begin = 0; begin < task.rows; begin += piece_rows) {
    pieces.push_back({task.source, task.first_row + begin, std::min(piece_rows, task.rows - begin), nullptr});
  }
  return pieces;
}

}  // namespace

FlatEncoding EncodingOf(const ScanColumns& columns, int field, int flat_width) {
  const auto range = columns.RangeOf(field);
  if (!range.has_value()) return {flat_width, 0};
  // Small non-negative values need no base, which lets all row groups share one encoding.
  const int64_t base = range->min >= 0 && NarrowWidth(Range<int64_t>{0, range->max}) == NarrowWidth(Range<int64_t>{range->min, range->max}) ? 0 : range->min;
  return {std::min(flat_width, NarrowWidth(Range<int64_t>{base, range->max})), base};
}

int FlatFieldOf(const ScanColumns& columns, const RowProgram& program, int column) {
  const int source = program.columns[column].passthrough;
  if (source < 0) return -1;
  const auto& input = program.input->field(source);
  const int field = columns.schema()->GetFieldIndex(input->name());
  const bool as_it_is = field >= 0 && columns.FlatWidth(field) > 0 && columns.schema()->field(field)->type()->Equals(*input->type());
  return as_it_is ? field : -1;
}

ScatterLane::ScatterLane(const Shared& shared, uint32_t lane, const Pools& pools)
    : shared_(shared), pool_(pools.scan), writer_(shared.store, lane, pools.scatter, pools.spill) {}

int64_t ScatterLane::NextStepBytes() const {
  if (task_ == nullptr) return pool_->ledger()->floor_bytes();
  return columns_ == nullptr ? 0 : StepBytes(next_column_);
}

Result<LaneStep> ScatterLane::Step(const Waker&) {
  if (task_ == nullptr) {
    task_ = shared_.cursor->Take();
    if (task_ == nullptr) {
      orders_.clear();
      values_scratch_.reset();
      valid_scratch_.reset();
      ARROW_RETURN_NOT_OK(writer_.Finish());
      return LaneStep::kDone;
    }
    ARROW_RETURN_NOT_OK(OpenTask(*task_));
  } else {
    ARROW_RETURN_NOT_OK(MoveColumn(next_column_++));
  }
  if (next_column_ == shared_.program->output->num_fields()) {
    columns_.reset();
    orders_.clear();
    task_ = nullptr;
  }
  return LaneStep::kMore;
}

Status ScatterLane::OpenTask(const ScanTask& task) {
  CpuTimer timer(&shared_.scan_statistics->cpu_nanoseconds);
  if (values_scratch_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(values_scratch_, pool_->AllocateOwned(kDecodeRows * 8));
    ARROW_ASSIGN_OR_RAISE(valid_scratch_, pool_->AllocateOwned(kDecodeRows));
  }
  ARROW_ASSIGN_OR_RAISE(columns_, shared_.source->Open(task, pool_->for_libraries()));
  if (shared_.side_by_side) ARROW_RETURN_NOT_OK(columns_->ReadSideBySide());
  TellReads(*columns_, *shared_.program);
  auto pieces = CutIntoPieces(task, shared_.piece_rows);
  if (shared_.program->filter != nullptr) ARROW_RETURN_NOT_OK(SelectRows(&pieces));
  ARROW_RETURN_NOT_OK(BeginPieces(std::move(pieces)));
  next_column_ = 0;
  shared_.scan_statistics->rows += task.rows;
  return Status::OK();
}

Status ScatterLane::SelectRows(std::vector<PieceRows>* pieces) {
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenInputs(*columns_, *shared_.program->input, shared_.program->filter_inputs, shared_.piece_rows, pool_->for_libraries()));
  for (PieceRows& piece : *pieces) {
    ARROW_ASSIGN_OR_RAISE(auto batch, reader->Next(piece.count));
    const RowOrigin origin{*columns_, piece.first_row};
    ARROW_ASSIGN_OR_RAISE(piece.selected, EvaluateSelection(*shared_.program->filter, *batch, pool_->for_libraries(), &origin));
  }
  return Status::OK();
}

Status ScatterLane::BeginPieces(std::vector<PieceRows> pieces) {
  orders_.clear();
  piece_index_.clear();
  std::vector<std::unique_ptr<InputReader>> sort_readers;
  int64_t sort_bytes = 0;
  for (const int column : SortColumnsOf(*shared_.store)) sort_bytes += StepBytes(column);
  ARROW_RETURN_NOT_OK(writer_.EnsureRoom(sort_bytes, *pool_->ledger()));
  for (const int column : SortColumnsOf(*shared_.store)) {
    const auto& inputs = shared_.program->columns[column].inputs;
    ARROW_ASSIGN_OR_RAISE(auto reader, OpenInputs(*columns_, *shared_.program->input, inputs, shared_.piece_rows, pool_->for_libraries()));
    sort_readers.push_back(std::move(reader));
  }
  for (const PieceRows& piece : pieces) {
    std::vector<std::shared_ptr<arrow::ArrayData>> sort_columns;
    for (size_t i = 0; i < sort_readers.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(const auto batch, sort_readers[i]->Next(piece.count));
      ARROW_ASSIGN_OR_RAISE(auto values, Evaluated(SortColumnsOf(*shared_.store)[i], *batch, piece.first_row));
      sort_columns.push_back(std::move(values));
    }
    ARROW_ASSIGN_OR_RAISE(auto order, writer_.MakeOrder(piece, sort_columns));
    ARROW_ASSIGN_OR_RAISE(const size_t index, writer_.BeginPiece(piece, order));
    shared_.shuffle_statistics->rows += order.kept();
    orders_.push_back(std::move(order));
    piece_index_.push_back(index);
  }
  return Status::OK();
}

Status ScatterLane::MoveColumn(int column) {
  CpuTimer timer(&shared_.scan_statistics->cpu_nanoseconds);
  ARROW_RETURN_NOT_OK(writer_.EnsureRoom(StepBytes(column), *pool_->ledger()));
  const int field = FlatFieldOf(*columns_, *shared_.program, column);
  return field >= 0 ? MoveFlat(column, field) : MoveArrays(column);
}

int64_t ScatterLane::StepBytes(int column) const {
  const OutputColumn& output = shared_.program->columns[column];
  const int64_t width = std::max(shared_.store->flat_widths()[column], 8);
  int64_t bytes = 2 * shared_.piece_rows * width;
  std::vector<int> inputs = output.inputs;
  if (output.passthrough >= 0) inputs = {output.passthrough};
  for (int input : inputs) {
    const int field = columns_->schema()->GetFieldIndex(shared_.program->input->field(input)->name());
    if (field >= 0) bytes += columns_->DecodeBytes(field) + kDecodedCopies * shared_.piece_rows * columns_->RowBytes(field);
  }
  return bytes;
}

Status ScatterLane::MoveFlat(int column, int field) {
  const int flat_width = shared_.store->flat_widths()[column];
  const FlatEncoding encoding = EncodingOf(*columns_, field, flat_width);
  ARROW_ASSIGN_OR_RAISE(auto reader, columns_->ReadFlat(field));
  uint8_t* values = values_scratch_->mutable_data();
  uint8_t* valid = valid_scratch_->mutable_data();
  for (size_t piece = 0; piece < orders_.size(); ++piece) {
    const int64_t count = orders_[piece].count();
    ARROW_RETURN_NOT_OK(writer_.BeginFlat(piece_index_[piece], column, encoding.width, encoding.base));
    for (int64_t begin = 0; begin < count; begin += kDecodeRows) {
      const int64_t rows = std::min(kDecodeRows, count - begin);
      ARROW_ASSIGN_OR_RAISE(const int64_t nulls, reader->Read(rows, values, valid));
      ARROW_RETURN_NOT_OK(writer_.AddFlat(piece_index_[piece], column, orders_[piece], begin, rows, values, nulls > 0 ? valid : nullptr));
    }
    shared_.scan_statistics->bytes += count * flat_width;
  }
  return Status::OK();
}

Status ScatterLane::MoveArrays(int column) {
  const OutputColumn& output = shared_.program->columns[column];
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenInputs(*columns_, *shared_.program->input, output.inputs, shared_.piece_rows, pool_->for_libraries()));
  for (size_t piece = 0; piece < orders_.size(); ++piece) {
    ARROW_ASSIGN_OR_RAISE(auto batch, reader->Next(orders_[piece].count()));
    ARROW_RETURN_NOT_OK(AddBatch(piece, column, *batch));
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::ArrayData>> ScatterLane::Evaluated(int column, const arrow::RecordBatch& batch, int64_t first_row) {
  const RowOrigin origin{*columns_, first_row};
  return EvaluateColumn(shared_.program->columns[column], batch, pool_->for_libraries(), &origin);
}

Status ScatterLane::AddBatch(size_t piece, int column, const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(auto values, Evaluated(column, batch, writer_.piece(piece_index_[piece]).first_row));
  shared_.scan_statistics->bytes += RowBytes(*values, 0, values->length);
  return AddArrays(writer_, piece_index_[piece], column, shared_.store->flat_widths()[column], orders_[piece], values);
}

}  // namespace millstream
