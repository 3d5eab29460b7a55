#include "aggregate/numbers.h"

#include <arrow/util/decimal.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "aggregate/ordered_word.h"
#include "aggregate/word_types.h"

namespace millstream {
namespace {

using arrow::Type;

int DecimalBytes(const arrow::DataType& type) { return static_cast<const arrow::DecimalType&>(type).byte_width(); }

void ExtendDecimal(const uint8_t* value, int bytes, uint64_t* limbs) {
  const uint64_t sign = (value[bytes - 1] & 0x80) != 0 ? UINT64_MAX : 0;
  std::fill_n(limbs, 4, sign);
  std::memcpy(limbs, value, static_cast<size_t>(bytes));
}

void DecimalsToDoubles(const arrow::ArrayData& values, int64_t begin, int64_t count, double* out) {
  const auto& type = static_cast<const arrow::DecimalType&>(*values.type);
  std::array<uint64_t, 4> limbs;
  for (int64_t i = 0; i < count; ++i) {
    LoadDecimals(values, begin + i, 1, limbs.data());
    out[i] = arrow::Decimal256(arrow::BasicDecimal256::LittleEndianArray, limbs).ToDouble(type.scale());
  }
}

template <typename T>
void ZeroNulls(const arrow::ArrayData& values, int64_t begin, int64_t count, T* out) {
  if (!values.MayHaveNulls()) return;
  const uint8_t* bitmap = values.buffers[0]->data();
  for (int64_t i = 0; i < count; ++i) {
    if (!arrow::bit_util::GetBit(bitmap, values.offset + begin + i)) out[i] = 0;
  }
}

}  // namespace

NumberForm NumberFormOf(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::NA:
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64: return NumberForm::kSigned;
    case Type::BOOL:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64: return NumberForm::kUnsigned;
    case Type::HALF_FLOAT:
    case Type::FLOAT:
    case Type::DOUBLE: return NumberForm::kFloat;
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256: return NumberForm::kDecimal;
    default: return NumberForm::kNone;
  }
}

void LoadIntegers(const arrow::ArrayData& values, int64_t begin, int64_t count, uint64_t* out) {
  if (values.type->id() == Type::NA) return std::fill_n(out, count, 0), void();
  VisitWordType(values.type->id(), [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if constexpr (std::is_integral_v<T>) {
      const WordValues<T> from(values, begin);
      for (int64_t i = 0; i < count; ++i) out[i] = static_cast<uint64_t>(from[i]);
    }
  });
  ZeroNulls(values, begin, count, out);
}

void LoadDoubles(const arrow::ArrayData& values, int64_t begin, int64_t count, double* out) {
  if (values.type->id() == Type::NA) return std::fill_n(out, count, 0), void();
  if (NumberFormOf(*values.type) == NumberForm::kDecimal) {
    DecimalsToDoubles(values, begin, count, out);
  } else {
    VisitWordType(values.type->id(), [&](auto tag) {
      const WordValues<typename decltype(tag)::Type> from(values, begin);
      for (int64_t i = 0; i < count; ++i) out[i] = static_cast<double>(from[i]);
    });
  }
  ZeroNulls(values, begin, count, out);
}

void LoadDecimals(const arrow::ArrayData& values, int64_t begin, int64_t count, uint64_t* out) {
  const int bytes = DecimalBytes(*values.type);
  const uint8_t* from = values.buffers[1]->data() + (values.offset + begin) * bytes;
  for (int64_t i = 0; i < count; ++i) {
    const bool valid = !values.MayHaveNulls() || arrow::bit_util::GetBit(values.buffers[0]->data(), values.offset + begin + i);
    if (valid) ExtendDecimal(from + i * bytes, bytes, out + i * 4);
    else std::fill_n(out + i * 4, 4, 0);
  }
}

}  // namespace millstream
