#include "aggregate/cell_bytes.h"

#include <arrow/type.h>
#include <arrow/util/binary_view_util.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "aggregate/ordered_word.h"
#include "aggregate/word_types.h"

namespace millstream {
namespace {

using arrow::ArrayData;
using arrow::Type;

bool IsValid(const ArrayData& column, int64_t row) {
  if (column.type->id() == Type::NA) return false;
  return !column.MayHaveNulls() || arrow::bit_util::GetBit(column.buffers[0]->data(), column.offset + row);
}

int64_t FixedWidth(const arrow::DataType& type) { return static_cast<const arrow::FixedWidthType&>(type).bit_width() / 8; }

/// The texts of an array.
template <Type::type id>
std::string_view TextOf(const ArrayData& column, int64_t row) {
  if constexpr (id == Type::STRING_VIEW) {
    return arrow::util::FromBinaryView(column.GetValues<arrow::BinaryViewType::c_type>(1)[row], column.buffers.data() + 2);
  } else {
    using Offset = std::conditional_t<id == Type::STRING, int32_t, int64_t>;
    const Offset* offsets = column.GetValues<Offset>(1) + row;
    if (offsets[0] == offsets[1]) return {};
    return {reinterpret_cast<const char*>(column.buffers[2]->data()) + offsets[0], static_cast<size_t>(offsets[1] - offsets[0])};
  }
}

bool HasZero(std::string_view text) { return !text.empty() && std::memchr(text.data(), 0, text.size()) != nullptr; }

uint8_t* WriteText(std::string_view text, uint8_t* out) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

uint8_t* WriteWithZeros(std::string_view text, uint8_t* out) {
  for (const char byte : text) {
    *out++ = static_cast<uint8_t>(byte);
    if (byte == 0) *out++ = kZeroInText;
  }
  return out;
}

/// Elements of the list in a row: where in the child they begin, and how many.
struct Elements {
  int64_t begin;
  int64_t count;
};

template <Type::type id>
Elements ElementsOf(const ArrayData& column, int64_t row) {
  if constexpr (id == Type::FIXED_SIZE_LIST) {
    const int64_t size = static_cast<const arrow::FixedSizeListType&>(*column.type).list_size();
    return {(column.offset + row) * size, size};
  } else if constexpr (id == Type::LIST_VIEW || id == Type::LARGE_LIST_VIEW) {
    using Offset = std::conditional_t<id == Type::LIST_VIEW, int32_t, int64_t>;
    return {column.GetValues<Offset>(1)[row], column.GetValues<Offset>(2)[row]};
  } else {
    using Offset = std::conditional_t<id == Type::LIST, int32_t, int64_t>;
    const Offset* offsets = column.GetValues<Offset>(1) + row;
    return {offsets[0], offsets[1] - offsets[0]};
  }
}

// Each layout: the bytes of a value after the mark, and how they are written.

template <typename T>
struct WordCell {
  static constexpr int kBytes = std::is_floating_point_v<typename WordValues<T>::Value> ? 8 : sizeof(typename WordValues<T>::Value);
  static int64_t Bytes(const ArrayData&, int64_t) { return kBytes; }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    uint64_t word = WordOfValue(WordValues<T>(column, row)[0]) << (64 - 8 * kBytes);
    word = arrow::bit_util::ToBigEndian(word);
    std::memcpy(out, &word, kBytes);
    return out + kBytes;
  }
};

template <Type::type id>
struct TextCell {
  static int64_t Bytes(const ArrayData& column, int64_t row) {
    const auto text = TextOf<id>(column, row);
    return static_cast<int64_t>(text.size()) + (HasZero(text) ? std::count(text.begin(), text.end(), '\0') : 0) + 2;
  }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    const auto text = TextOf<id>(column, row);
    out = HasZero(text) ? WriteWithZeros(text, out) : WriteText(text, out);
    *out++ = 0;
    *out++ = 0;
    return out;
  }
};

template <Type::type id>
struct LastTextCell {
  static int64_t Bytes(const ArrayData& column, int64_t row) { return static_cast<int64_t>(TextOf<id>(column, row).size()); }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    return WriteText(TextOf<id>(column, row), out);
  }
};

struct FixedBinaryCell {
  static int64_t Bytes(const ArrayData& column, int64_t) { return FixedWidth(*column.type); }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    const int64_t width = FixedWidth(*column.type);
    if (width > 0) std::memcpy(out, column.buffers[1]->data() + (column.offset + row) * width, static_cast<size_t>(width));
    return out + width;
  }
};

template <int kBytes>
struct DecimalCell {
  static int64_t Bytes(const ArrayData&, int64_t) { return kBytes; }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    const uint8_t* value = column.buffers[1]->data() + (column.offset + row) * kBytes;
    std::reverse_copy(value, value + kBytes, out);
    out[0] ^= 0x80;
    return out + kBytes;
  }
};

struct StructCell {
  static int64_t Bytes(const ArrayData& column, int64_t row) {
    int64_t bytes = 0;
    for (const auto& child : column.child_data) bytes += CellFormOf(*child->type, false).bytes(*child, column.offset + row);
    return bytes;
  }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    for (const auto& child : column.child_data) out = CellFormOf(*child->type, false).write(*child, column.offset + row, out);
    return out;
  }
};

template <Type::type id>
struct ListCell {
  static int64_t Bytes(const ArrayData& column, int64_t row) {
    const auto [begin, count] = ElementsOf<id>(column, row);
    const ArrayData& child = *column.child_data[0];
    const auto bytes_of = CellFormOf(*child.type, false).bytes;
    int64_t bytes = count + 1;
    for (int64_t i = 0; i < count; ++i) bytes += bytes_of(child, begin + i);
    return bytes;
  }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    const auto [begin, count] = ElementsOf<id>(column, row);
    const ArrayData& child = *column.child_data[0];
    const auto write = CellFormOf(*child.type, false).write;
    for (int64_t i = 0; i < count; ++i) {
      *out++ = kElementMark;
      out = write(child, begin + i, out);
    }
    *out++ = kEndMark;
    return out;
  }
};

template <typename Cell>
int64_t MarkedBytes(const ArrayData& column, int64_t row) {
  return 1 + (IsValid(column, row) ? Cell::Bytes(column, row) : 0);
}

template <typename Cell>
uint8_t* WriteMarked(const ArrayData& column, int64_t row, uint8_t* out) {
  const bool valid = IsValid(column, row);
  *out++ = valid ? kValueMark : kNullMark;
  return valid ? Cell::Write(column, row, out) : out;
}

/// Of the null type, whose cells are never valid.
struct NullCell {
  static int64_t Bytes(const ArrayData&, int64_t) { return 0; }
  static uint8_t* Write(const ArrayData&, int64_t, uint8_t* out) { return out; }
};

template <typename Cell>
void AddMarkedBytes(const ArrayData& column, int64_t begin, int64_t count, int64_t* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += MarkedBytes<Cell>(column, begin + i);
}

template <typename Cell>
void WriteAllMarked(const ArrayData& column, int64_t begin, int64_t count, uint8_t** cursors) {
  for (int64_t i = 0; i < count; ++i) cursors[i] = WriteMarked<Cell>(column, begin + i, cursors[i]);
}

template <typename Cell>
constexpr CellForm FormOf() {
  return {&MarkedBytes<Cell>, &WriteMarked<Cell>, &AddMarkedBytes<Cell>, &WriteAllMarked<Cell>};
}

template <Type::type id>
CellForm TextForm(bool last) {
  return last ? FormOf<LastTextCell<id>>() : FormOf<TextCell<id>>();
}

}  // namespace

CellForm CellFormOf(const arrow::DataType& type, bool last) {
  switch (type.id()) {
    case Type::STRING:
    case Type::BINARY: return TextForm<Type::STRING>(last);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return TextForm<Type::LARGE_STRING>(last);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return TextForm<Type::STRING_VIEW>(last);
    case Type::FIXED_SIZE_BINARY: return FormOf<FixedBinaryCell>();
    case Type::DECIMAL128: return FormOf<DecimalCell<16>>();
    case Type::DECIMAL256: return FormOf<DecimalCell<32>>();
    case Type::STRUCT: return FormOf<StructCell>();
    case Type::LIST: return FormOf<ListCell<Type::LIST>>();
    case Type::LARGE_LIST: return FormOf<ListCell<Type::LARGE_LIST>>();
    case Type::LIST_VIEW: return FormOf<ListCell<Type::LIST_VIEW>>();
    case Type::LARGE_LIST_VIEW: return FormOf<ListCell<Type::LARGE_LIST_VIEW>>();
    case Type::FIXED_SIZE_LIST: return FormOf<ListCell<Type::FIXED_SIZE_LIST>>();
    default: break;
  }
  CellForm form = FormOf<NullCell>();
  VisitWordType(type.id(), [&](auto tag) { form = FormOf<WordCell<typename decltype(tag)::Type>>(); });
  return form;
}

namespace {

const uint8_t* EndOfText(const uint8_t* at) {
  for (;; ++at) {
    if (*at != 0) continue;
    if (*++at == 0) return at + 1;
  }
}

const uint8_t* EndOfList(const arrow::DataType& type, const uint8_t* at) {
  while (*at++ == kElementMark) at = EndOfCell(*type.field(0)->type(), at);
  return at;
}

const uint8_t* EndOfStruct(const arrow::DataType& type, const uint8_t* at) {
  for (const auto& field : type.fields()) at = EndOfCell(*field->type(), at);
  return at;
}

}  // namespace

const uint8_t* EndOfCell(const arrow::DataType& type, const uint8_t* cell) {
  if (*cell++ == kNullMark) return cell;
  switch (type.id()) {
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return EndOfText(cell);
    case Type::FIXED_SIZE_BINARY:
    case Type::DECIMAL128:
    case Type::DECIMAL256: return cell + FixedWidth(type);
    case Type::STRUCT: return EndOfStruct(type, cell);
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::FIXED_SIZE_LIST: return EndOfList(type, cell);
    default: return cell + WordBytes(type);
  }
}

}  // namespace millstream
