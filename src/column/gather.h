#pragma once
/// Kernels that move rows of one column about, for every Arrow layout.
///
/// Storage form: the layouts in which columns are kept and spilled. Dictionaries and run-end encoding are decoded (their values differ from row group to
/// row group, so that codes mean nothing outside the piece they came with), extension types are their storage. Everything else keeps its layout.
/// FromStorage restores the declared type: dictionary codes by first appearance, so equal rows give equal bytes, whatever path they took.

#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

std::shared_ptr<arrow::DataType> StorageType(const std::shared_ptr<arrow::DataType>& type);
/// No copy where the type has no dictionary, run-end or extension part.
Result<std::shared_ptr<arrow::ArrayData>> ToStorage(const std::shared_ptr<arrow::ArrayData>& data, arrow::MemoryPool* pool);
/// kInvalidArgument where a dictionary's index type cannot number the distinct values of this array.
Result<std::shared_ptr<arrow::ArrayData>> FromStorage(const std::shared_ptr<arrow::ArrayData>& data,
                                                      const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool);

/// out[i] = values[indices[i]] for i < count; values in storage form, any offset. The result has offset 0, holds only the bytes of its own rows, has no
/// validity bitmap when it has no nulls, and canonical padding (bits and bytes under nulls are zero), so equal rows give equal bytes.
Result<std::shared_ptr<arrow::ArrayData>> Gather(const arrow::ArrayData& values, const uint32_t* indices, int64_t count,
                                                 arrow::MemoryPool* pool);

/// The pieces one after the other as one array in storage form, same guarantees as Gather. Pieces share one type.
Result<std::shared_ptr<arrow::ArrayData>> Concatenate(const std::vector<std::shared_ptr<arrow::ArrayData>>& pieces,
                                                      const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool);

/// Bytes that Gather of rows [begin, begin + count) would hold: the size by which rows are budgeted, not that of shared buffers.
int64_t RowBytes(const arrow::ArrayData& values, int64_t begin, int64_t count);

}  // namespace millstream
