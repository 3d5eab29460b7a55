#pragma once
/// Values of at most 64 bits as words whose order is that of the values: booleans, integers, floating point, dates, times, timestamps, durations, months and
/// decimals of up to 64 bits. -0.0 is the word of 0.0 and every NaN the greatest word, after infinity.

#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>

#include "base/status.h"

namespace millstream {

inline constexpr uint64_t kSignBit = uint64_t{1} << 63;
inline constexpr uint64_t kWordOfNan = UINT64_MAX;

/// The null type has words too: every value of it is null.
bool HasWords(const arrow::DataType& type);
/// How many low bytes of a word may be other than zero: the width of integers, 8 for all floating point.
int WordBytes(const arrow::DataType& type);

/// out[i * stride] = the word of row begin + i, counted from the array's offset; 0 for a null.
void EncodeWords(const arrow::ArrayData& values, int64_t begin, int64_t count, int stride, uint64_t* out);

/// The values of words[i * stride], null where not valid[i]. `valid` null: all are.
Result<std::shared_ptr<arrow::ArrayData>> DecodeWords(const std::shared_ptr<arrow::DataType>& type, const uint64_t* words, int stride, const uint8_t* valid,
                                                      int64_t count, arrow::MemoryPool* pool);

/// valid[i] = 1 where row begin + i is not null, else 0. Any storage type; a union is null where the value that it chose is.
void FillValid(const arrow::ArrayData& values, int64_t begin, int64_t count, uint8_t* valid);
/// Whether any of the rows may be null.
bool MayBeNull(const arrow::ArrayData& values);

/// A bitmap of valid[0, count), or null where all are valid.
Result<std::shared_ptr<arrow::Buffer>> BitmapOf(const uint8_t* valid, int64_t count, arrow::MemoryPool* pool);

/// The words of doubles, as they are: -0.0 before 0.0.
inline uint64_t WordOfBits(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  return bits ^ (static_cast<uint64_t>(static_cast<int64_t>(bits) >> 63) | kSignBit);
}
inline uint64_t WordOfDouble(double value) { return std::isnan(value) ? kWordOfNan : WordOfBits(value + 0.0); }
inline double DoubleOfWord(uint64_t word) {
  if (word == kWordOfNan) return std::bit_cast<double>(uint64_t{0x7ff8000000000000});
  return std::bit_cast<double>(word ^ ((word & kSignBit) != 0 ? kSignBit : UINT64_MAX));
}

}  // namespace millstream
