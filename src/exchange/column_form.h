#pragma once
/// How the exchange holds a column: flat values of 4 or 8 bytes as narrowed integers, everything else as arrays in storage form.

#include <arrow/type.h>

#include <memory>
#include <vector>

namespace millstream {

/// Bytes of a value where the column is held as flat integers (4 or 8), 0 where it is held as arrays.
int FlatWidth(const arrow::DataType& type);

/// FlatWidth of every field.
std::vector<int> FlatWidths(const arrow::Schema& schema);

}  // namespace millstream
