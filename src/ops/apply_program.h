#pragma once
/// A row program applied to a batch in memory.

#include <arrow/record_batch.h>

#include <memory>
#include <vector>

#include "ops/row_program.h"

namespace millstream {

/// The rows that the filter keeps, with the program's columns. Columns that pass through unfiltered are shared, everything else comes from `pool`. The batch must have
/// the program's input schema.
Result<std::shared_ptr<arrow::RecordBatch>> ApplyProgram(const RowProgram& program, const arrow::RecordBatch& batch, arrow::MemoryPool* pool);

/// A column of the rows with these numbers, in that order, of its declared type. Dictionaries are shared.
Result<std::shared_ptr<arrow::ArrayData>> GatherColumn(const arrow::RecordBatch& batch, int column, const uint32_t* rows, int64_t count,
                                                       arrow::MemoryPool* pool);

/// The rows of the batch with these numbers, in that order.
Result<std::shared_ptr<arrow::RecordBatch>> GatherRows(const arrow::RecordBatch& batch, const uint32_t* rows, int64_t count, arrow::MemoryPool* pool);

/// The rows of the batches, which have one schema and are one at least, as one batch. All of it comes from `pool` but dictionaries that all batches have.
Result<std::shared_ptr<arrow::RecordBatch>> JoinBatches(const std::vector<std::shared_ptr<arrow::RecordBatch>>& parts, arrow::MemoryPool* pool);

/// The same rows, all of whose memory comes from `pool`; dictionaries are made anew.
Result<std::shared_ptr<arrow::RecordBatch>> CopyBatch(const arrow::RecordBatch& batch, arrow::MemoryPool* pool);

}  // namespace millstream
