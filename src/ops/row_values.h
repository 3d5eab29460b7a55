#pragma once
/// The values of columns that are made of each row's place (docs/order.md, "Values of places").

#include <arrow/record_batch.h>

#include <memory>

#include "base/status.h"
#include "plan/row_value.h"

namespace millstream {

/// Where the rows of a batch are: the first at `first_row` of its source, each other one behind the one before.
struct RowPlaces {
  uint64_t epoch = 0;
  uint32_t source = 0;
  int64_t first_row = 0;
};

/// The column's name and type; never null.
std::shared_ptr<arrow::Field> FieldOf(const RowValue& value);

/// The batch with the columns behind its own. kInvalidArgument for ids of rows beyond 2^40 of a source, or sources beyond 2^23.
Result<std::shared_ptr<arrow::RecordBatch>> WithRowValues(const RowValues& values, const RowPlaces& places, const std::shared_ptr<arrow::RecordBatch>& batch,
                                                          arrow::MemoryPool* pool);

}  // namespace millstream
