#include "aggregate/ordered_bytes.h"

#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include <algorithm>

#include "aggregate/cell_bytes.h"
#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

using arrow::Type;

/// Adds to ends[i] the bytes of the cell in row begin + i.
void AddBytes(const arrow::ArrayData& column, bool last, int64_t begin, int64_t count, int64_t* ends) {
  if (HasWords(*column.type) && !MayBeNull(column)) {
    const int64_t width = 1 + WordBytes(*column.type);
    for (int64_t i = 0; i < count; ++i) ends[i] += width;
    return;
  }
  CellFormOf(*column.type, last).add_bytes(column, begin, count, ends);
}

}  // namespace

bool HasOrder(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
    case Type::FIXED_SIZE_BINARY:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return true;
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::FIXED_SIZE_LIST:
    case Type::STRUCT:
      return std::all_of(type.fields().begin(), type.fields().end(), [](const auto& field) { return HasOrder(*field->type()); });
    default:
      return HasWords(type);
  }
}

Status EncodedRows::Encode(const std::vector<const arrow::ArrayData*>& columns, int64_t begin, int64_t count) {
  ends_.Truncate(0);
  ARROW_RETURN_NOT_OK(ends_.Grow(count + 1, 0));
  int64_t* ends = ends_.data() + 1;
  for (size_t i = 0; i < columns.size(); ++i) AddBytes(*columns[i], i + 1 == columns.size(), begin, count, ends);
  for (int64_t i = 0; i < count; ++i) ends[i] += ends[i - 1];
  ARROW_RETURN_NOT_OK(bytes_.Resize(ends[count - 1]));
  ARROW_RETURN_NOT_OK(cursors_.Resize(count));
  for (int64_t i = 0; i < count; ++i) cursors_[i] = bytes_.data() + ends[i - 1];
  for (size_t i = 0; i < columns.size(); ++i) {
    CellFormOf(*columns[i]->type, i + 1 == columns.size()).write_all(*columns[i], begin, count, cursors_.data());
  }
  return Status::OK();
}

Status RowCells::Reserve(int64_t rows) {
  ARROW_RETURN_NOT_OK(at.Reserve(at.size() + rows));
  return end.Reserve(end.size() + rows);
}

void RowCells::Add(std::string_view row) {
  at.Append(reinterpret_cast<const uint8_t*>(row.data()));
  end.Append(reinterpret_cast<const uint8_t*>(row.data()) + row.size());
}

}  // namespace millstream
