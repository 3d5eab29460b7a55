#pragma once
/// What rows take up in memory, before and after they are there.

#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millstream {

/// Of one value: exact for fixed widths, a guess for others.
int64_t ValueBytesGuess(const arrow::DataType& type);
/// Bytes of a row as it lies in memory: exact for fixed widths, a guess for others.
int64_t RowBytesGuess(const arrow::Schema& schema);
/// The memory that a batch keeps from being freed, rounded as it is allocated: of a slice its share.
int64_t HeldBytes(const arrow::RecordBatch& batch);
/// Whether a batch keeps clearly more memory from being freed than its rows need.
bool IsPartOfMore(const arrow::RecordBatch& batch);

}  // namespace millstream
