#include "exec/add_arrays.h"

#include "exchange/sort_order.h"
#include "ops/evaluate_rows.h"

namespace millstream {

Status AddArrays(ShuffleWriter& writer, size_t piece, int column, int flat_width, const PieceOrder& order, const std::shared_ptr<arrow::ArrayData>& values) {
  if (flat_width == 0) return writer.AddArray(piece, column, order, values);
  ARROW_RETURN_NOT_OK(writer.BeginFlat(piece, column, flat_width, 0));
  std::shared_ptr<OwnedBuffer> valid;
  if (values->GetNullCount() > 0) {
    ARROW_ASSIGN_OR_RAISE(valid, writer.Allocate(values->length));
    UnpackValidity(*values, valid->mutable_data());
  }
  const uint8_t* bytes = values->buffers[1]->data() + values->offset * flat_width;
  return writer.AddFlat(piece, column, order, 0, values->length, bytes, valid == nullptr ? nullptr : valid->data());
}

const std::vector<int>& SortColumnsOf(const ShuffleStore& store) {
  static const std::vector<int> none;
  return store.options().sort == nullptr ? none : store.options().sort->by().columns;
}

}  // namespace millstream
