#pragma once
/// Numbers of any Arrow type, a block of rows at a time, as one C++ type.

#include <arrow/array/data.h>
#include <arrow/type.h>

#include <cstdint>

namespace millstream {

enum class NumberForm : uint8_t {
  kNone,      // no number
  kSigned,    // int64_t holds it; the null type, too
  kUnsigned,  // uint64_t holds it: unsigned integers and booleans
  kFloat,     // a double holds it
  kDecimal,   // an unscaled integer of up to 256 bits
};

/// Durations, dates and times are no numbers.
NumberForm NumberFormOf(const arrow::DataType& type);

/// out[i] = row begin + i, counted from the array's offset, 0 for a null. For kSigned and kUnsigned.
void LoadIntegers(const arrow::ArrayData& values, int64_t begin, int64_t count, uint64_t* out);
/// For every form; integers and decimals as the nearest double.
void LoadDoubles(const arrow::ArrayData& values, int64_t begin, int64_t count, double* out);
/// out[i * 4, + 4): the unscaled integer in 256 bits, two's complement, the least limb first. For kDecimal.
void LoadDecimals(const arrow::ArrayData& values, int64_t begin, int64_t count, uint64_t* out);

}  // namespace millstream
