#pragma once
/// What the beginning of a .npy file tells: the type of its numbers, their byte order, the array's shape, and where they lie.

#include <arrow/io/interfaces.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/list_files.h"

namespace millstream {

struct NpyHeader {
  std::shared_ptr<arrow::DataType> type;  // of a number, or bool
  int64_t value_bytes = 0;                // a bool is a byte
  bool swapped = false;                   // numbers are big-endian
  bool fortran_order = false;             // the first axis is the fastest, where there are two or more that are longer than 1
  std::vector<int64_t> shape;             // an array without axes is one of one row
  int64_t data_begin = 0;                 // in the file

  int64_t rows() const { return shape[0]; }
  std::vector<int64_t> row_shape() const { return {shape.begin() + 1, shape.end()}; }
  int64_t row_values() const;
  int64_t row_bytes() const { return row_values() * value_bytes; }
};

/// kCorruptData for a file that is none, or shorter than its array; kInvalidArgument for values that are not numbers.
Result<NpyHeader> ReadNpyHeader(arrow::io::RandomAccessFile& file, const ListedFile& listed);

}  // namespace millstream
