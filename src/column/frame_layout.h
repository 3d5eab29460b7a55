#pragma once
/// What the writer and the reader of column frames agree on.

#include <arrow/type.h>

#include <bit>
#include <cstdint>

namespace millstream {

static_assert(std::endian::native == std::endian::little, "frames are written as memory lies, and are little-endian");

/// Words before the buffers' lengths: rows, nulls, number of buffers.
constexpr int64_t kColumnHeaderWords = 3;
constexpr int64_t kFrameAlignment = 8;

/// More rows than any frame holds, and few enough that bytes and bits of them can be counted: layouts without bytes
/// (null, no fields) would allow any number.
constexpr int64_t kFrameRowsMax = int64_t{1} << 48;

constexpr int64_t PaddedBytes(int64_t bytes) {
  return (bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

inline bool HasValidity(arrow::Type::type id) {
  return id != arrow::Type::NA && id != arrow::Type::SPARSE_UNION && id != arrow::Type::DENSE_UNION;
}

inline bool IsStorageLayout(arrow::Type::type id) {
  return id != arrow::Type::DICTIONARY && id != arrow::Type::RUN_END_ENCODED && id != arrow::Type::EXTENSION;
}

/// Buffers of a layout, validity included; views have any number of data buffers more.
inline int64_t BufferCount(arrow::Type::type id) {
  switch (id) {
    case arrow::Type::NA: return 0;
    case arrow::Type::STRUCT:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::SPARSE_UNION: return 1;  // its type codes, for unions have no validity
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW: return 3;
    default: return 2;
  }
}

}  // namespace millstream
