#include "column/row_key.h"

#include <arrow/type.h>
#include <arrow/util/binary_view_util.h>
#include <arrow/util/bit_util.h>

namespace millstream {
namespace {

using arrow::Type;

Status AppendInteger(int64_t value, arrow::BufferBuilder* out) { return out->Append(&value, sizeof(value)); }

Status AppendText(const void* data, int64_t bytes, arrow::BufferBuilder* out) {
  ARROW_RETURN_NOT_OK(AppendInteger(bytes, out));
  return bytes == 0 ? Status::OK() : out->Append(data, bytes);
}

template <typename Offset>
Status AppendBinary(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  const Offset* offsets = data.GetValues<Offset>(1) + row;
  const int64_t bytes = offsets[1] - offsets[0];
  return AppendText(bytes == 0 ? nullptr : data.buffers[2]->data() + offsets[0], bytes, out);
}

Status AppendView(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  const auto& view = data.GetValues<arrow::BinaryViewType::c_type>(1)[row];
  const auto text = arrow::util::FromBinaryView(view, data.buffers.data() + 2);
  return AppendText(text.data(), static_cast<int64_t>(text.size()), out);
}

Status AppendElements(const arrow::ArrayData& child, int64_t begin, int64_t count, arrow::BufferBuilder* out) {
  ARROW_RETURN_NOT_OK(AppendInteger(count, out));
  for (int64_t i = 0; i < count; ++i) ARROW_RETURN_NOT_OK(AppendRowKey(child, begin + i, out));
  return Status::OK();
}

template <typename Offset>
Status AppendList(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  const Offset* offsets = data.GetValues<Offset>(1) + row;
  return AppendElements(*data.child_data[0], offsets[0], offsets[1] - offsets[0], out);
}

template <typename Offset>
Status AppendListView(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  return AppendElements(*data.child_data[0], data.GetValues<Offset>(1)[row], data.GetValues<Offset>(2)[row], out);
}

Status AppendStruct(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  for (const auto& child : data.child_data) ARROW_RETURN_NOT_OK(AppendRowKey(*child, data.offset + row, out));
  return Status::OK();
}

Status AppendUnion(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  const auto& type = static_cast<const arrow::UnionType&>(*data.type);
  const int8_t code = data.GetValues<int8_t>(1)[row];
  ARROW_RETURN_NOT_OK(AppendInteger(code, out));
  const bool dense = type.mode() == arrow::UnionMode::DENSE;
  const int64_t child_row = dense ? data.GetValues<int32_t>(2)[row] : data.offset + row;
  return AppendRowKey(*data.child_data[type.child_ids()[code]], child_row, out);
}

Status AppendValue(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  switch (data.type->id()) {
    case Type::NA: return Status::OK();
    case Type::BOOL: return AppendInteger(arrow::bit_util::GetBit(data.buffers[1]->data(), data.offset + row), out);
    case Type::STRING:
    case Type::BINARY: return AppendBinary<int32_t>(data, row, out);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return AppendBinary<int64_t>(data, row, out);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return AppendView(data, row, out);
    case Type::LIST:
    case Type::MAP: return AppendList<int32_t>(data, row, out);
    case Type::LARGE_LIST: return AppendList<int64_t>(data, row, out);
    case Type::LIST_VIEW: return AppendListView<int32_t>(data, row, out);
    case Type::LARGE_LIST_VIEW: return AppendListView<int64_t>(data, row, out);
    case Type::FIXED_SIZE_LIST: {
      const int64_t size = static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
      return AppendElements(*data.child_data[0], (data.offset + row) * size, size, out);
    }
    case Type::STRUCT: return AppendStruct(data, row, out);
    default: {
      const int64_t width = data.type->bit_width() / 8;
      return width == 0 ? Status::OK() : out->Append(data.buffers[1]->data() + (data.offset + row) * width, width);
    }
  }
}

}  // namespace

Status AppendRowKey(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out) {
  const auto id = data.type->id();
  if (id == Type::SPARSE_UNION || id == Type::DENSE_UNION) return AppendUnion(data, row, out);
  const bool valid =
      id != Type::NA && (!data.MayHaveNulls() || arrow::bit_util::GetBit(data.buffers[0]->data(), data.offset + row));
  const uint8_t mark = valid ? 1 : 0;
  ARROW_RETURN_NOT_OK(out->Append(&mark, 1));
  return valid ? AppendValue(data, row, out) : Status::OK();
}

}  // namespace millstream
