#pragma once
/// Kernels that move rows of one column about, for every Arrow layout.
///
/// Storage form: the layouts in which columns are kept and spilled. Dictionaries and run-end encoding are decoded
/// (their values differ from row group to row group, so that codes mean nothing outside the piece they came with),
/// extension types are their storage. Everything else keeps its layout.
///
/// Canonical: what Gather and Concatenate give. Offset 0 at every level; no bytes but those of its own rows; a validity
/// bitmap only where there are nulls; zeros under nulls and in the padding; lists, views and dense union children laid
/// out in row order. What lies under a null struct, a null fixed-size list or in the children that a sparse union's row
/// did not choose is null (where the field is nullable) or zero. So equal rows give equal bytes, whatever path they
/// took.
///
///   ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(column, pool));
///   ARROW_ASSIGN_OR_RAISE(auto shuffled, Gather(*stored, permutation, rows, pool));
///   ARROW_ASSIGN_OR_RAISE(auto batch_column, FromStorage(shuffled, column->type, pool));
///
/// Inputs are trusted (they were validated where they came in). All memory that grows with rows comes from `pool`,
/// except RowBytes' scratch; a refused allocation is the pool's Status. Nothing here blocks, and calls may run on any
/// threads at once.

#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

/// The same pointer where the type has no dictionary, run-end or extension part.
std::shared_ptr<arrow::DataType> StorageType(const std::shared_ptr<arrow::DataType>& type);

/// No copy where the type has no dictionary, run-end or extension part, or is an extension over such a type. Else the
/// result is canonical.
Result<std::shared_ptr<arrow::ArrayData>> ToStorage(const std::shared_ptr<arrow::ArrayData>& data,
                                                    arrow::MemoryPool* pool);

/// Restores the declared type: dictionary codes by first appearance (values that no row has are gone, nulls are null
/// codes), run ends of maximal runs. kInvalidArgument where a dictionary's index type cannot number the distinct
/// values, or a run-end type the rows, of this array; kType where `data` is not of type StorageType(type).
Result<std::shared_ptr<arrow::ArrayData>> FromStorage(const std::shared_ptr<arrow::ArrayData>& data,
                                                      const std::shared_ptr<arrow::DataType>& type,
                                                      arrow::MemoryPool* pool);

/// out[i] = values[indices[i]] for i < count, canonical. `values` may have any offset, and any form: what is encoded is
/// decoded on the way (storage form is faster). kInvalidArgument where 32-bit offsets cannot span the result, or
/// `values` has 2^32 rows or more.
Result<std::shared_ptr<arrow::ArrayData>> Gather(const arrow::ArrayData& values, const uint32_t* indices, int64_t count,
                                                 arrow::MemoryPool* pool);

/// The pieces one after the other as one canonical array. All pieces have the same type, which is `type` or its storage
/// type; they may have any offset. No pieces give an array of no rows. Errors as Gather.
Result<std::shared_ptr<arrow::ArrayData>> Concatenate(const std::vector<std::shared_ptr<arrow::ArrayData>>& pieces,
                                                      const std::shared_ptr<arrow::DataType>& type,
                                                      arrow::MemoryPool* pool);

/// The same for columns of their declared type, where nothing is kept or spilled between: a dictionary that all pieces
/// have (the same values in the same order) is that of the result too, with the values that no row has, and shared with
/// the first piece; so cutting rows anew numbers nothing anew. Pieces of different dictionaries have no common order,
/// ordered or not: FromStorage numbers their values. Dictionaries inside nested types are made anew. Else as above.
Result<std::shared_ptr<arrow::ArrayData>> JoinColumn(const std::vector<std::shared_ptr<arrow::ArrayData>>& pieces,
                                                     const std::shared_ptr<arrow::DataType>& type,
                                                     arrow::MemoryPool* pool);
Result<std::shared_ptr<arrow::ArrayData>> TakeColumn(const std::shared_ptr<arrow::ArrayData>& values,
                                                     const uint32_t* indices, int64_t count, arrow::MemoryPool* pool);

/// The sum of the buffers' sizes that Gather of rows [begin, begin + count) would have: the size by which rows are
/// budgeted, not that of shared buffers. Constant time for fixed widths and text without nulls; else linear in the
/// rows. The largest int64 when the scratch memory for counting cannot be had.
int64_t RowBytes(const arrow::ArrayData& values, int64_t begin, int64_t count);
/// Of all rows of all columns.
int64_t RowBytes(const arrow::RecordBatch& batch);

}  // namespace millstream
