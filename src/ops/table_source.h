#pragma once
/// Scan sources that need no file: record batches in memory, and a range of numbers.

#include <arrow/record_batch.h>

#include <memory>
#include <vector>

#include "ops/scan_columns.h"

namespace millstream {

/// Batches as they were given (validated by the caller), rows numbered through, as source 0. Long batches are several tasks, so that lanes share them.
/// kInvalidArgument for two columns of one name.
Result<std::shared_ptr<const ScanSource>> MakeTableSource(std::shared_ptr<arrow::Schema> schema,
                                                          std::vector<std::shared_ptr<arrow::RecordBatch>> batches);

/// Column "id" with 0 .. rows - 1, int64.
Result<std::shared_ptr<const ScanSource>> MakeRangeSource(int64_t rows);

}  // namespace millstream
