#pragma once
/// Arrow data across the boundary, as capsules of the C data interface only.

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <nanobind/nanobind.h>

#include <memory>
#include <vector>

namespace millstream {

nanobind::object ExportSchema(const arrow::Schema& schema);
/// (schema capsule, array capsule).
nanobind::tuple ExportBatch(const arrow::RecordBatch& batch);

nanobind::object ExportStream(std::shared_ptr<arrow::RecordBatchReader> reader);

/// From an object with __arrow_c_stream__ or __arrow_c_array__; validated in full, for its producer may be anyone.
struct ImportedTable {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
};
ImportedTable ImportTable(nanobind::handle object);

/// From an object with __arrow_c_schema__: a schema.
std::shared_ptr<arrow::Schema> ImportSchema(nanobind::handle object);
/// The same of a data type.
std::shared_ptr<arrow::DataType> ImportType(nanobind::handle object);
/// From an object with __arrow_c_array__: one array.
std::shared_ptr<arrow::Array> ImportArray(nanobind::handle object);

}  // namespace millstream
