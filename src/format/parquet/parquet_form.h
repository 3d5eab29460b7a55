#pragma once
/// The types in which columns are written to Parquet.
///
/// Parquet has no place for some Arrow types. Those that lose nothing, or only their encoding, are written as another type: run-end encoding, and
/// dictionaries inside lists and structs or of values other than text and bytes, as plain values; seconds as milliseconds; date64 as date32; views
/// inside structs as plain strings and binary. For the rest (unions, intervals, structs without fields, binary and lists of a fixed size of 0) there
/// is an error that names the column. Extension types, other dictionaries, time zones, other views, list views, decimals and durations stay: the
/// Arrow schema is stored in the file.

#include <arrow/array.h>
#include <arrow/type.h>

#include <memory>

#include "base/status.h"

namespace millstream {

/// The schema of the file. kType naming column and type where there is no form for one; kInvalidArgument without columns, as rows would be lost.
Result<std::shared_ptr<arrow::Schema>> ParquetSchema(const arrow::Schema& schema);

/// A column as the type that ParquetSchema gives it. kInvalidArgument where a value does not fit (a second count beyond what milliseconds hold).
Result<std::shared_ptr<arrow::ArrayData>> ToParquetForm(const std::shared_ptr<arrow::ArrayData>& data, arrow::MemoryPool* pool);

}  // namespace millstream
