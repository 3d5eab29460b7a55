#pragma once
/// Scan sources that need no file: record batches in memory, and a range of numbers.

#include <arrow/record_batch.h>

#include <memory>
#include <vector>

#include "ops/scan_columns.h"

namespace millstream {

/// Batches as they were given (validated by the caller); each is one task of source 0.
Result<std::shared_ptr<const ScanSource>> MakeTableSource(std::shared_ptr<arrow::Schema> schema,
                                                          std::vector<std::shared_ptr<arrow::RecordBatch>> batches);

/// Column "id" with 0 .. rows - 1, int64, in `tasks` tasks of nearly equal size.
Result<std::shared_ptr<const ScanSource>> MakeRangeSource(int64_t rows, int64_t tasks);

}  // namespace millstream
