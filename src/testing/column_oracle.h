#pragma once
/// What rows mean, said slowly: the plain reference for the kernels of src/column, through Arrow's own accessors.

#include <arrow/array.h>

#include <string>
#include <vector>

namespace millstream::testing_support {

/// One text a row; equal texts mean equal values, bit for bit, whatever their encoding (dictionary, run ends,
/// extension, view or not), offset, or what lies under nulls.
std::vector<std::string> RenderRows(const arrow::Array& array);

/// rows[indices[i]] for each i.
std::vector<std::string> TakeRows(const std::vector<std::string>& rows, const std::vector<uint32_t>& indices);

/// Empty when both hold the same bytes in the same buffers, else where they first differ.
std::string FirstDifference(const arrow::ArrayData& left, const arrow::ArrayData& right);

/// Empty when `data` keeps the promises of Gather: offset 0, no bitmap without nulls, counts known, no bytes beyond its
/// rows, zeros under nulls and in the padding.
std::string FirstImpurity(const arrow::ArrayData& data);

/// The bytes of all buffers of `data` and its children.
int64_t BufferBytes(const arrow::ArrayData& data);

}  // namespace millstream::testing_support
