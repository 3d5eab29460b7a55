#pragma once
/// Decodes one column chunk of flat 4- or 8-byte values.

#include <parquet/file_reader.h>

#include <memory>
#include <string>

#include "ops/scan_columns.h"

namespace millstream {

/// Column `leaf` of the group. `where` is for errors. Throws what the library throws.
std::unique_ptr<FlatColumnReader> OpenFlatColumn(parquet::RowGroupReader* group, int leaf, arrow::MemoryPool* pool, std::string where);

/// The same where few of its rows are wanted. Pages that hold none of them are not decompressed, and of the others only theirs are decoded, as far as the encoding lets.
std::unique_ptr<KeptRowsReader> OpenKeptRows(parquet::RowGroupReader* group, int leaf, arrow::MemoryPool* pool, std::string where);

}  // namespace millstream
