#pragma once
/// The C++ types behind Arrow's types of at most 64 bits.

#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/float16.h>

#include <cstdint>
#include <type_traits>

#include "aggregate/ordered_word.h"

namespace millstream {

struct HalfFloat {};

template <typename T>
struct TypeTag {
  using Type = T;
};

/// Rows of an array from `begin` on, counted from the array's offset.
template <typename T>
struct WordValues {
  using Value = T;
  using Stored = T;
  WordValues(const arrow::ArrayData& data, int64_t begin) : values(data.GetValues<T>(1) + begin) {}
  T operator[](int64_t i) const { return values[i]; }
  static T Store(T value) { return value; }
  const T* values;
};

template <>
struct WordValues<bool> {
  using Value = bool;
  using Stored = uint8_t;
  WordValues(const arrow::ArrayData& data, int64_t begin) : bits(data.buffers[1] == nullptr ? nullptr : data.buffers[1]->data()), begin(data.offset + begin) {}
  bool operator[](int64_t i) const { return arrow::bit_util::GetBit(bits, begin + i); }
  static uint8_t Store(bool value) { return value ? 1 : 0; }
  const uint8_t* bits;
  int64_t begin;
};

template <>
struct WordValues<HalfFloat> {
  using Value = float;
  using Stored = uint16_t;
  WordValues(const arrow::ArrayData& data, int64_t begin) : values(data.GetValues<uint16_t>(1) + begin) {}
  float operator[](int64_t i) const { return arrow::util::Float16::FromBits(values[i]).ToFloat(); }
  static uint16_t Store(float value) { return arrow::util::Float16(value).bits(); }
  const uint16_t* values;
};

template <typename T>
constexpr uint64_t HighBit() {
  return uint64_t{1} << (sizeof(T) * 8 - 1);
}

/// The word of a value (ordered_word.h), and the value of a word.
template <typename T>
uint64_t WordOfValue(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return WordOfDouble(static_cast<double>(value));
  } else if constexpr (std::is_signed_v<T>) {
    using Bits = std::make_unsigned_t<T>;
    return static_cast<Bits>(static_cast<Bits>(value) ^ HighBit<T>());
  } else {
    return static_cast<uint64_t>(value);
  }
}

template <typename T>
T ValueOfWord(uint64_t word) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(DoubleOfWord(word));
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(word ^ HighBit<T>());
  } else {
    return static_cast<T>(word);
  }
}

/// Calls visit(TypeTag<T>()) with the type of the values of an array of type `id`; false, with no call, where they have more than 64 bits or no fixed width.
template <typename Visit>
bool VisitWordType(arrow::Type::type id, Visit&& visit) {
  using Id = arrow::Type;
  switch (id) {
    case Id::BOOL: return visit(TypeTag<bool>()), true;
    case Id::INT8: return visit(TypeTag<int8_t>()), true;
    case Id::INT16: return visit(TypeTag<int16_t>()), true;
    case Id::INT32:
    case Id::DATE32:
    case Id::TIME32:
    case Id::INTERVAL_MONTHS:
    case Id::DECIMAL32: return visit(TypeTag<int32_t>()), true;
    case Id::INT64:
    case Id::DATE64:
    case Id::TIME64:
    case Id::TIMESTAMP:
    case Id::DURATION:
    case Id::DECIMAL64: return visit(TypeTag<int64_t>()), true;
    case Id::UINT8: return visit(TypeTag<uint8_t>()), true;
    case Id::UINT16: return visit(TypeTag<uint16_t>()), true;
    case Id::UINT32: return visit(TypeTag<uint32_t>()), true;
    case Id::UINT64: return visit(TypeTag<uint64_t>()), true;
    case Id::HALF_FLOAT: return visit(TypeTag<HalfFloat>()), true;
    case Id::FLOAT: return visit(TypeTag<float>()), true;
    case Id::DOUBLE: return visit(TypeTag<double>()), true;
    default: return false;
  }
}

}  // namespace millstream
