#pragma once
/// Numbers the distinct values of a column by first appearance: what dictionary codes and run ends are restored from.
///
/// Values are the same when their bytes are (so 0.0 and -0.0 are two, and a NaN is one with its copies); null is no
/// value.

#include <arrow/array/data.h>
#include <arrow/buffer_builder.h>
#include <arrow/memory_pool.h>

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace millstream {

struct RowNumbers {
  std::shared_ptr<arrow::Buffer> numbers;     // uint32 a row; kAbsentIndex for null
  std::shared_ptr<arrow::Buffer> first_rows;  // uint32 a value: the row it appeared in first
  int64_t values = 0;

  const uint32_t* number_of() const { return numbers->data_as<uint32_t>(); }
  const uint32_t* first_row_of() const { return first_rows->data_as<uint32_t>(); }
};

/// `data` is in storage form.
Result<RowNumbers> NumberRows(const arrow::ArrayData& data, arrow::MemoryPool* pool);

}  // namespace millstream
