#pragma once
/// How one value is written in an encoded row (ordered_bytes.h is the contract).
///
/// A mark, 0 for a value and 1 for a null, which has nothing after it. Then: words with their greatest byte first; decimals so too, the sign turned; text
/// with each 0 byte as 0 1 and 0 0 at its end, but bare as the row's last cell; fixed binary bare; a struct's fields one after the other; before each
/// element of a list a 1, and a 0 at the end.

#include <arrow/array/data.h>

#include <cstdint>

namespace millstream {

inline constexpr uint8_t kValueMark = 0;
inline constexpr uint8_t kNullMark = 1;
inline constexpr uint8_t kEndMark = 0;      // of a list
inline constexpr uint8_t kElementMark = 1;
inline constexpr uint8_t kZeroInText = 1;  // after a 0

/// How the cells of a column are written. Rows count from the array's offset.
struct CellForm {
  int64_t (*bytes)(const arrow::ArrayData& column, int64_t row);
  /// Writes as many bytes, and returns where they end.
  uint8_t* (*write)(const arrow::ArrayData& column, int64_t row, uint8_t* out);
  /// sums[i] += bytes of row begin + i.
  void (*add_bytes)(const arrow::ArrayData& column, int64_t begin, int64_t count, int64_t* sums);
  /// Writes row begin + i to cursors[i], and moves it on.
  void (*write_all)(const arrow::ArrayData& column, int64_t begin, int64_t count, uint8_t** cursors);
};

/// `last`: whether the cells are the last of their rows.
CellForm CellFormOf(const arrow::DataType& type, bool last);

/// Where the cell ends that begins at `cell`, of a column that is not the last.
const uint8_t* EndOfCell(const arrow::DataType& type, const uint8_t* cell);

}  // namespace millstream
