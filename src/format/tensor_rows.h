#pragma once
/// The rows of a column of numbers, lists of numbers or tensors: where the values of each lie, and in which shape.

#include <arrow/array.h>

#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

class TensorRows {
 public:
  /// Numbers have the shape (), lists (n), lists of a fixed size in one another (n, m, ...), tensors their own. kType for other columns.
  static Result<TensorRows> Make(const std::shared_ptr<arrow::Array>& column);
  /// As Make, of the values of such a column; null where it is none.
  static std::shared_ptr<arrow::DataType> ValueType(const arrow::DataType& type);

  bool IsNull(int64_t row) const { return column_->IsNull(row); }
  /// All values of the column, of numbers or bools.
  const arrow::Array& values() const { return *values_; }
  /// The row's first one. Its values follow one another, the last axis the fastest.
  int64_t begin(int64_t row) const;
  std::vector<int64_t> shape(int64_t row) const;

 private:
  std::shared_ptr<arrow::Array> column_;
  std::shared_ptr<arrow::Array> values_;
  std::shared_ptr<arrow::Array> lists_;    // that tell where rows begin, where lengths differ
  std::shared_ptr<arrow::Array> lengths_;  // of the axes, where shapes differ
  std::vector<int64_t> shape_;             // else
};

}  // namespace millstream
