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
    return static_cast<int64_t>(text.size()) + std::count(text.begin(), text.end(), '\0') + 2;
  }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    for (const char byte : TextOf<id>(column, row)) {
      *out++ = static_cast<uint8_t>(byte);
      if (byte == 0) *out++ = kZeroInText;
    }
    *out++ = 0;
    *out++ = 0;
    return out;
  }
};

template <Type::type id>
struct LastTextCell {
  static int64_t Bytes(const ArrayData& column, int64_t row) { return static_cast<int64_t>(TextOf<id>(column, row).size()); }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    const auto text = TextOf<id>(column, row);
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return out + text.size();
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
    for (const auto& child : column.child_data) bytes += CellBytesOf(*child->type, false)(*child, column.offset + row);
    return bytes;
  }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    for (const auto& child : column.child_data) out = CellWriterOf(*child->type, false)(*child, column.offset + row, out);
    return out;
  }
};

template <Type::type id>
struct ListCell {
  static int64_t Bytes(const ArrayData& column, int64_t row) {
    const auto [begin, count] = ElementsOf<id>(column, row);
    const ArrayData& child = *column.child_data[0];
    const auto bytes_of = CellBytesOf(*child.type, false);
    int64_t bytes = count + 1;
    for (int64_t i = 0; i < count; ++i) bytes += bytes_of(child, begin + i);
    return bytes;
  }
  static uint8_t* Write(const ArrayData& column, int64_t row, uint8_t* out) {
    const auto [begin, count] = ElementsOf<id>(column, row);
    const ArrayData& child = *column.child_data[0];
    const auto write = CellWriterOf(*child.type, false);
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

int64_t NullBytes(const ArrayData&, int64_t) { return 1; }
uint8_t* WriteNull(const ArrayData&, int64_t, uint8_t* out) { return *out = kNullMark, out + 1; }

struct CellFunctions {
  CellBytesFunction bytes;
  CellWriter write;
};

template <typename Cell>
constexpr CellFunctions FunctionsOf() {
  return {&MarkedBytes<Cell>, &WriteMarked<Cell>};
}

template <Type::type id>
CellFunctions TextFunctions(bool last) {
  return last ? FunctionsOf<LastTextCell<id>>() : FunctionsOf<TextCell<id>>();
}

CellFunctions FunctionsFor(const arrow::DataType& type, bool last) {
  switch (type.id()) {
    case Type::STRING:
    case Type::BINARY: return TextFunctions<Type::STRING>(last);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return TextFunctions<Type::LARGE_STRING>(last);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return TextFunctions<Type::STRING_VIEW>(last);
    case Type::FIXED_SIZE_BINARY: return FunctionsOf<FixedBinaryCell>();
    case Type::DECIMAL128: return FunctionsOf<DecimalCell<16>>();
    case Type::DECIMAL256: return FunctionsOf<DecimalCell<32>>();
    case Type::STRUCT: return FunctionsOf<StructCell>();
    case Type::LIST: return FunctionsOf<ListCell<Type::LIST>>();
    case Type::LARGE_LIST: return FunctionsOf<ListCell<Type::LARGE_LIST>>();
    case Type::LIST_VIEW: return FunctionsOf<ListCell<Type::LIST_VIEW>>();
    case Type::LARGE_LIST_VIEW: return FunctionsOf<ListCell<Type::LARGE_LIST_VIEW>>();
    case Type::FIXED_SIZE_LIST: return FunctionsOf<ListCell<Type::FIXED_SIZE_LIST>>();
    default: break;
  }
  CellFunctions functions = {&NullBytes, &WriteNull};
  VisitWordType(type.id(), [&](auto tag) { functions = FunctionsOf<WordCell<typename decltype(tag)::Type>>(); });
  return functions;
}

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

CellBytesFunction CellBytesOf(const arrow::DataType& type, bool last) { return FunctionsFor(type, last).bytes; }
CellWriter CellWriterOf(const arrow::DataType& type, bool last) { return FunctionsFor(type, last).write; }

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
