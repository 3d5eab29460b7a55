#pragma once
/// Rows of a stream as Python sees them.

#include <arrow/record_batch.h>

#include <memory>

namespace millstream {

struct PySchema {
  std::shared_ptr<arrow::Schema> schema;
};

struct PyBatch {
  std::shared_ptr<arrow::RecordBatch> batch;
};

}  // namespace millstream
