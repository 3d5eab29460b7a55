#pragma once
/// Some of the rows of a stream, evenly spread over all that have come, however many that are: every n-th, where n doubles whenever there are too many.

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

/// Of rows of int64 columns. One caller at a time.
class SpreadSample {
 public:
  /// Holds up to `rows_max` rows, at least 2, 9 bytes a column each.
  explicit SpreadSample(int64_t rows_max) : rows_max_(rows_max / 2 * 2) {}

  void Add(const arrow::RecordBatch& batch);
  /// In the order in which they came, at least a third of rows_max where as many did; null where no batch has come.
  Result<std::shared_ptr<arrow::RecordBatch>> Rows() const;

 private:
  struct Column {
    std::vector<int64_t> values;
    std::vector<uint8_t> valid;
  };
  void Thin();

  const int64_t rows_max_;  // even: the row that comes after them is of every second one too
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<Column> columns_;
  int64_t rows_ = 0;
  int64_t stride_ = 1;
  int64_t skip_ = 0;  // rows to come before the next one is taken
};

}  // namespace millstream
