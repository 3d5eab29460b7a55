#pragma once
/// The kernels behind Gather, Concatenate and ToStorage, one family of layouts a file: each takes a Part (the arrays
/// that rows come from) and a Selection, and makes a canonical array of storage form; Measure* tells the bytes that it
/// would hold.
///
/// Sources may be dictionaries, run-end encoded or extension arrays: gather_encoded.cc follows their indices into the
/// values.

#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <memory>

#include "column/selection.h"

namespace millstream {

using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;

struct Part {
  std::shared_ptr<arrow::DataType> layout;  // of the sources
  std::shared_ptr<arrow::DataType> type;    // of the result: StorageType(layout)
  Sources sources;
  bool absent_is_null = true;
};

Result<ArrayDataPtr> Assemble(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> Measure(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// Field `i` of the part; `Aligned` where row r of the parent is rows [r * factor, (r + 1) * factor) of the child.
Part ChildPart(const Part& part, int i);
Part AlignedChildPart(const Part& part, int i, int64_t factor = 1);

/// Memory whose padding is zero.
Result<std::shared_ptr<arrow::Buffer>> AllocateCanonical(int64_t bytes, arrow::MemoryPool* pool);

struct Validity {
  std::shared_ptr<arrow::Buffer> buffer;  // none when there are no nulls
  int64_t null_count = 0;
  const uint8_t* bits() const { return buffer == nullptr ? nullptr : buffer->data(); }
  int64_t bytes() const { return buffer == nullptr ? 0 : buffer->size(); }
};

/// gather_bits.cc
Result<Validity> AssembleValidity(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<ArrayDataPtr> AssembleBool(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureBool(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// gather_fixed.cc
Result<ArrayDataPtr> AssembleFixed(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureFixed(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
/// The first value of each source; rows of `width` bytes from there, absent ones zero; zeros where `validity` (if any)
/// has no bit.
std::vector<const uint8_t*> FixedValues(const Sources& sources, int64_t width);
void GatherRows(const std::vector<const uint8_t*>& values, int64_t width, const Selection& rows, uint8_t* out);
void ClearNulls(const uint8_t* validity, int64_t count, int64_t width, uint8_t* out);

/// gather_binary.cc
Result<ArrayDataPtr> AssembleBinary(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureBinary(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// gather_view.cc
Result<ArrayDataPtr> AssembleView(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureView(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// gather_list.cc: list, large_list, map, their views, fixed_size_list
Result<ArrayDataPtr> AssembleList(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureList(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<ArrayDataPtr> AssembleListView(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureListView(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<ArrayDataPtr> AssembleFixedSizeList(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureFixedSizeList(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// gather_struct.cc
Result<ArrayDataPtr> AssembleStruct(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureStruct(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// gather_union.cc
Result<ArrayDataPtr> AssembleUnion(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<int64_t> MeasureUnion(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

/// gather_encoded.cc: the same rows, as a selection of the values that a dictionary or run-end encoded part refers to.
struct Decoded {
  Part part;
  OwnedSelection selection;
};
Result<Decoded> FollowDictionary(const Part& part, const Selection& rows, arrow::MemoryPool* pool);
Result<Decoded> FollowRunEnds(const Part& part, const Selection& rows, arrow::MemoryPool* pool);

}  // namespace millstream
