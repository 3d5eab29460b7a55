#include "exec/stream_scatter_lane.h"

#include <algorithm>

#include "exec/add_arrays.h"
#include "ops/evaluate_rows.h"

namespace millstream {
namespace {

Result<std::shared_ptr<arrow::RecordBatch>> Inputs(const arrow::RecordBatch& batch, const std::vector<int>& inputs) { return batch.SelectColumns(inputs); }

}  // namespace

StreamScatterLane::StreamScatterLane(const Shared& shared, uint32_t lane, const ScatterLane::Pools& pools)
    : shared_(shared), pool_(pools.scan), writer_(shared.store, lane, pools.scatter, pools.spill) {}

Result<LaneStep> StreamScatterLane::Step(const Waker& waker) {
  if (batch_.data == nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto batch, shared_.input->TryTake(waker));
    if (!batch.has_value()) return LaneStep::kBlocked;
    if (batch->data == nullptr) {
      ARROW_RETURN_NOT_OK(writer_.Finish());
      return LaneStep::kDone;
    }
    batch_ = std::move(*batch);
    next_row_ = 0;
  }
  if (next_row_ < batch_.data->num_rows()) ARROW_RETURN_NOT_OK(MovePiece());
  if (next_row_ >= batch_.data->num_rows()) batch_ = {};
  return LaneStep::kMore;
}

Status StreamScatterLane::MovePiece() {
  CpuTimer timer(&shared_.shuffle_statistics->cpu_nanoseconds);
  const RowProgram& program = *shared_.program;
  const auto rows = batch_.data->Slice(next_row_, shared_.piece_rows);
  PieceRows piece{batch_.source, batch_.first_row + next_row_, rows->num_rows(), nullptr};
  next_row_ += rows->num_rows();
  if (program.filter != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, Inputs(*rows, program.filter_inputs));
    ARROW_ASSIGN_OR_RAISE(piece.selected, EvaluateSelection(*program.filter, *inputs, pool_->for_libraries()));
  }
  std::vector<std::shared_ptr<arrow::ArrayData>> sort_columns;
  for (const int column : SortColumnsOf(*shared_.store)) {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, Inputs(*rows, program.columns[column].inputs));
    ARROW_ASSIGN_OR_RAISE(auto values, EvaluateColumn(program.columns[column], *inputs, pool_->for_libraries()));
    sort_columns.push_back(std::move(values));
  }
  ARROW_ASSIGN_OR_RAISE(const auto order, writer_.MakeOrder(piece, sort_columns));
  ARROW_ASSIGN_OR_RAISE(const size_t index, writer_.BeginPiece(piece, order));
  shared_.shuffle_statistics->rows += order.kept();
  for (size_t column = 0; column < program.columns.size(); ++column) {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, Inputs(*rows, program.columns[column].inputs));
    ARROW_ASSIGN_OR_RAISE(const auto values, EvaluateColumn(program.columns[column], *inputs, pool_->for_libraries()));
    ARROW_RETURN_NOT_OK(AddArrays(writer_, index, static_cast<int>(column), shared_.store->flat_widths()[column], order, values));
  }
  return Status::OK();
}

}  // namespace millstream
