#include "testing/column_oracle.h"

#include <arrow/util/bit_util.h>

#include <cstring>

namespace millstream::testing_support {
namespace {

using arrow::Array;
using arrow::Type;

std::string Hex(const uint8_t* bytes, int64_t count) {
  static const char* kDigits = "0123456789abcdef";
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string Render(const Array& array, int64_t row);

std::string RenderAll(const Array& elements) {
  std::string text = "[";
  for (int64_t i = 0; i < elements.length(); ++i) text += Render(elements, i) + ",";
  return text + "]";
}

template <typename ArrayType>
const ArrayType& As(const Array& array) {
  return static_cast<const ArrayType&>(array);
}

template <typename ArrayType>
std::string RenderBinary(const Array& array, int64_t row) {
  const auto view = As<ArrayType>(array).GetView(row);
  return "'" + Hex(reinterpret_cast<const uint8_t*>(view.data()), static_cast<int64_t>(view.size())) + "'";
}

template <typename ArrayType>
std::string RenderList(const Array& array, int64_t row) {
  return RenderAll(*As<ArrayType>(array).value_slice(row));
}

std::string RenderStruct(const Array& array, int64_t row) {
  std::string text = "{";
  for (int i = 0; i < array.num_fields(); ++i) text += Render(*As<arrow::StructArray>(array).field(i), row) + ";";
  return text + "}";
}

std::string RenderUnion(const Array& array, int64_t row) {
  const auto& choices = As<arrow::UnionArray>(array);
  const bool dense = choices.mode() == arrow::UnionMode::DENSE;
  const int64_t child_row = dense ? As<arrow::DenseUnionArray>(array).value_offset(row) : row;
  return "<" + std::to_string(choices.type_code(row)) + ":" + Render(*choices.field(choices.child_id(row)), child_row) +
         ">";
}

std::string RenderFixed(const Array& array, int64_t row) {
  const int64_t width = array.type()->bit_width() / 8;
  if (width == 0) return "x";
  return "x" + Hex(array.data()->buffers[1]->data() + (array.offset() + row) * width, width);
}

std::string RenderValid(const Array& array, int64_t row) {
  switch (array.type_id()) {
    case Type::BOOL: return As<arrow::BooleanArray>(array).Value(row) ? "true" : "false";
    case Type::STRING:
    case Type::BINARY: return RenderBinary<arrow::BinaryArray>(array, row);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return RenderBinary<arrow::LargeBinaryArray>(array, row);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return RenderBinary<arrow::BinaryViewArray>(array, row);
    case Type::LIST:
    case Type::MAP: return RenderList<arrow::ListArray>(array, row);
    case Type::LARGE_LIST: return RenderList<arrow::LargeListArray>(array, row);
    case Type::LIST_VIEW: return RenderList<arrow::ListViewArray>(array, row);
    case Type::LARGE_LIST_VIEW: return RenderList<arrow::LargeListViewArray>(array, row);
    case Type::FIXED_SIZE_LIST: return RenderList<arrow::FixedSizeListArray>(array, row);
    case Type::STRUCT: return RenderStruct(array, row);
    default: return RenderFixed(array, row);
  }
}

std::string Render(const Array& array, int64_t row) {
  switch (array.type_id()) {
    case Type::NA: return "null";
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION: return RenderUnion(array, row);
    case Type::EXTENSION: return Render(*As<arrow::ExtensionArray>(array).storage(), row);
    case Type::RUN_END_ENCODED: {
      const auto from_row = array.Slice(row);
      const auto& runs = As<arrow::RunEndEncodedArray>(*from_row);
      return Render(*runs.values(), runs.FindPhysicalOffset());
    }
    default: break;
  }
  if (array.IsNull(row)) return "null";
  if (array.type_id() != Type::DICTIONARY) return RenderValid(array, row);
  const auto& coded = As<arrow::DictionaryArray>(array);
  return Render(*coded.dictionary(), coded.GetValueIndex(row));
}

bool SameBuffer(const std::shared_ptr<arrow::Buffer>& left, const std::shared_ptr<arrow::Buffer>& right) {
  if (left == nullptr || right == nullptr) return left == right;
  return left->size() == right->size() &&
         std::memcmp(left->data(), right->data(), static_cast<size_t>(left->size())) == 0;
}

bool ZeroBits(const uint8_t* bits, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; ++i) {
    if (arrow::bit_util::GetBit(bits, i)) return false;
  }
  return true;
}

// Whether every null row's value in a buffer of `width` bytes a row is zero.
bool ZeroUnderNulls(const arrow::ArrayData& data, const uint8_t* values, int64_t width) {
  for (int64_t i = 0; i < data.length; ++i) {
    if (arrow::bit_util::GetBit(data.buffers[0]->data(), i)) continue;
    for (int64_t k = 0; k < width; ++k) {
      if (values[i * width + k] != 0) return false;
    }
  }
  return true;
}

std::string ImpurityOfValues(const arrow::ArrayData& data) {
  const auto id = data.type->id();
  const bool fixed = arrow::is_fixed_width(id) || arrow::is_binary_view_like(id);
  if (id == Type::BOOL) {
    if (!ZeroBits(data.buffers[1]->data(), data.length, data.buffers[1]->size() * 8)) return "bits after the last row";
    for (int64_t i = 0; i < data.length && data.null_count > 0; ++i) {
      const bool null = !arrow::bit_util::GetBit(data.buffers[0]->data(), i);
      if (null && arrow::bit_util::GetBit(data.buffers[1]->data(), i)) return "a bit under a null";
    }
  } else if (fixed && id != Type::DICTIONARY) {
    const int64_t width = arrow::is_binary_view_like(id) ? 16 : data.type->bit_width() / 8;
    if (data.buffers[1]->size() != data.length * width) return "values of another size than the rows'";
    if (data.null_count > 0 && !ZeroUnderNulls(data, data.buffers[1]->data(), width)) return "a value under a null";
  }
  return "";
}

bool IsNullAt(const arrow::ArrayData& data, int64_t row) {
  if (data.type->id() == Type::NA) return true;
  return data.null_count > 0 && !arrow::bit_util::GetBit(data.buffers[0]->data(), row);
}

bool IsUnion(const arrow::ArrayData& data) {
  return data.type->id() == Type::SPARSE_UNION || data.type->id() == Type::DENSE_UNION;
}

// Whether a child holds nothing in a row that its parent does not use: null where it may be, else zero.
bool IsBlank(const arrow::ArrayData& child, int64_t row, bool nullable) {
  if (IsUnion(child)) return true;
  if (nullable) return IsNullAt(child, row);
  if (child.type->id() == Type::BOOL) return !arrow::bit_util::GetBit(child.buffers[1]->data(), row);
  const int64_t width = arrow::is_fixed_width(child.type->id()) ? child.type->bit_width() / 8 : 0;
  for (int64_t k = 0; k < width; ++k) {
    if (child.buffers[1]->data()[row * width + k] != 0) return false;
  }
  return !IsNullAt(child, row);
}

// Rows [row * factor, (row + 1) * factor) of the children of a null row, and what a sparse union's row did not choose.
std::string ImpurityOfAlignedChildren(const arrow::ArrayData& data, int64_t factor) {
  for (int64_t row = 0; row < data.length; ++row) {
    for (int i = 0; i < data.type->num_fields(); ++i) {
      bool used = !IsUnion(data) && !IsNullAt(data, row);
      if (IsUnion(data)) {
        used = static_cast<const arrow::UnionType&>(*data.type).child_ids()[data.GetValues<int8_t>(1)[row]] == i;
      }
      for (int64_t k = row * factor; !used && k < (row + 1) * factor; ++k) {
        if (!IsBlank(*data.child_data[i], k, data.type->field(i)->nullable())) {
          return "a value of child " + std::to_string(i) + " under a null";
        }
      }
    }
  }
  return "";
}

template <typename Offset>
std::string ImpurityOfOffsets(const arrow::ArrayData& data, int64_t total) {
  const Offset* offsets = data.GetValues<Offset>(1);
  if (offsets[0] != 0 || offsets[data.length] != total) return "offsets that do not span what they point into";
  for (int64_t row = 0; row < data.length; ++row) {
    if (IsNullAt(data, row) && offsets[row] != offsets[row + 1]) return "elements under a null";
  }
  return "";
}

template <typename Offset>
std::string ImpurityOfListViews(const arrow::ArrayData& data) {
  int64_t used = 0;
  for (int64_t row = 0; row < data.length; ++row) {
    const Offset offset = data.GetValues<Offset>(1)[row], size = data.GetValues<Offset>(2)[row];
    if (IsNullAt(data, row) && size != 0) return "elements under a null";
    if (offset != (size == 0 ? 0 : used)) return "lists out of order";
    used += size;
  }
  return used == data.child_data[0]->length ? "" : "elements of no list";
}

std::string ImpurityOfChildren(const arrow::ArrayData& data) {
  switch (data.type->id()) {
    case Type::STRING:
    case Type::BINARY: return ImpurityOfOffsets<int32_t>(data, data.buffers[2]->size());
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return ImpurityOfOffsets<int64_t>(data, data.buffers[2]->size());
    case Type::LIST:
    case Type::MAP: return ImpurityOfOffsets<int32_t>(data, data.child_data[0]->length);
    case Type::LARGE_LIST: return ImpurityOfOffsets<int64_t>(data, data.child_data[0]->length);
    case Type::LIST_VIEW: return ImpurityOfListViews<int32_t>(data);
    case Type::LARGE_LIST_VIEW: return ImpurityOfListViews<int64_t>(data);
    case Type::STRUCT:
    case Type::SPARSE_UNION: return ImpurityOfAlignedChildren(data, 1);
    case Type::FIXED_SIZE_LIST:
      return ImpurityOfAlignedChildren(data, static_cast<const arrow::FixedSizeListType&>(*data.type).list_size());
    default: return "";
  }
}

std::string ImpurityOfBuffer(const arrow::Buffer& buffer) {
  for (int64_t i = buffer.size(); i < buffer.capacity(); ++i) {
    if (buffer.data()[i] != 0) return "padding that is not zero";
  }
  return "";
}

}  // namespace

std::vector<std::string> RenderRows(const Array& array) {
  std::vector<std::string> rows;
  for (int64_t i = 0; i < array.length(); ++i) rows.push_back(Render(array, i));
  return rows;
}

std::vector<std::string> TakeRows(const std::vector<std::string>& rows, const std::vector<uint32_t>& indices) {
  std::vector<std::string> taken;
  for (const uint32_t index : indices) taken.push_back(rows[index]);
  return taken;
}

std::string FirstDifference(const arrow::ArrayData& left, const arrow::ArrayData& right) {
  const std::string where = left.type->ToString();
  if (!left.type->Equals(*right.type, true)) return where + " beside " + right.type->ToString();
  if (left.length != right.length || left.offset != right.offset) return where + ": length or offset";
  if (left.null_count != right.null_count) return where + ": null count";
  if (left.buffers.size() != right.buffers.size()) return where + ": number of buffers";
  for (size_t i = 0; i < left.buffers.size(); ++i) {
    if (!SameBuffer(left.buffers[i], right.buffers[i])) return where + ": buffer " + std::to_string(i);
  }
  if (left.child_data.size() != right.child_data.size()) return where + ": number of children";
  for (size_t i = 0; i < left.child_data.size(); ++i) {
    const auto difference = FirstDifference(*left.child_data[i], *right.child_data[i]);
    if (!difference.empty()) return where + " / " + difference;
  }
  if ((left.dictionary == nullptr) != (right.dictionary == nullptr)) return where + ": dictionary";
  return left.dictionary == nullptr ? "" : FirstDifference(*left.dictionary, *right.dictionary);
}

std::string FirstImpurity(const arrow::ArrayData& data) {
  const std::string where = data.type->ToString() + ": ";
  if (data.offset != 0) return where + "an offset";
  if (data.null_count == arrow::kUnknownNullCount) return where + "an unknown null count";
  const bool has_bitmap = !data.buffers.empty() && data.buffers[0] != nullptr;
  if (data.type->id() != Type::NA && has_bitmap != (data.null_count > 0)) {
    return where + "bitmap and null count disagree";
  }
  if (has_bitmap) {
    if (data.buffers[0]->size() != arrow::bit_util::BytesForBits(data.length)) {
      return where + "a bitmap of another size";
    }
    if (!ZeroBits(data.buffers[0]->data(), data.length, data.buffers[0]->size() * 8)) {
      return where + "validity after the last row";
    }
  }
  const auto impurity = ImpurityOfValues(data);
  if (!impurity.empty()) return where + impurity;
  const auto under_nulls = ImpurityOfChildren(data);
  if (!under_nulls.empty()) return where + under_nulls;
  for (const auto& buffer : data.buffers) {
    const auto padding = buffer == nullptr ? "" : ImpurityOfBuffer(*buffer);
    if (!padding.empty()) return where + padding;
  }
  for (const auto& child : data.child_data) {
    const auto inner = FirstImpurity(*child);
    if (!inner.empty()) return where + inner;
  }
  return "";
}

int64_t BufferBytes(const arrow::ArrayData& data) {
  int64_t bytes = 0;
  for (const auto& buffer : data.buffers) bytes += buffer == nullptr ? 0 : buffer->size();
  for (const auto& child : data.child_data) bytes += BufferBytes(*child);
  return bytes;
}

}  // namespace millstream::testing_support
