#pragma once
/// Decodes one column chunk of flat 4- or 8-byte values.
///
/// Where few rows are wanted of a chunk whose pages all keep codes of a dictionary, only their codes are looked up.

#include <parquet/file_reader.h>

#include <memory>
#include <string>

#include "ops/scan_columns.h"

namespace millstream {

/// Column `leaf` of the group. `where` is for errors. Throws what the library throws.
std::unique_ptr<FlatColumnReader> OpenFlatColumn(parquet::RowGroupReader* group, int leaf, RowsWanted wanted, arrow::MemoryPool* pool, std::string where);

}  // namespace millstream
