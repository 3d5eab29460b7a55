#include "testing/parquet_files.h"

#include <arrow/io/file.h>
#include <arrow/table.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include "column/gather.h"

namespace millstream::testing_support {
namespace {

/// The same rows in the form that Arrow's Parquet writer takes: no nulls among dictionary values, no slices.
Result<std::shared_ptr<arrow::RecordBatch>> Writable(const arrow::RecordBatch& batch) {
  auto* pool = arrow::default_memory_pool();
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < batch.num_columns(); ++column) {
    const auto& type = batch.schema()->field(column)->type();
    ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch.column_data(column), pool));
    ARROW_ASSIGN_OR_RAISE(stored, Concatenate({stored}, StorageType(type), pool));
    ARROW_ASSIGN_OR_RAISE(stored, FromStorage(stored, type, pool));
    columns.push_back(std::move(stored));
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

}  // namespace

Status ParquetFiles::Write(const Batches& batches, const std::shared_ptr<arrow::Schema>& schema, int64_t row_group_rows) {
  const std::string path = directory_ / ("part-" + std::to_string(listed_.size()) + ".parquet");
  Batches writable;
  for (const auto& batch : batches) {
    ARROW_ASSIGN_OR_RAISE(auto made, Writable(*batch));
    writable.push_back(std::move(made));
  }
  const auto table = *arrow::Table::FromRecordBatches(schema, writable);
  auto file = *arrow::io::FileOutputStream::Open(path);
  const auto properties = parquet::WriterProperties::Builder().enable_page_checksum()->build();
  const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), file, row_group_rows, properties, arrow_properties));
  ARROW_RETURN_NOT_OK(file->Close());
  listed_.push_back({path, path.substr(path.rfind('/') + 1), (*RealEnv()->Stat(path)).size_bytes});
  return Status::OK();
}

Result<std::vector<IdentifiedRow>> ParquetFiles::Rows() const {
  std::vector<IdentifiedRow> rows;
  for (size_t source = 0; source < listed_.size(); ++source) {
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(listed_[source].path));
    ARROW_ASSIGN_OR_RAISE(auto reader, parquet::arrow::OpenFile(file, arrow::default_memory_pool()));
    Batches read;
    for (int group = 0; group < reader->num_row_groups(); ++group) {
      ARROW_ASSIGN_OR_RAISE(auto table, reader->ReadRowGroup(group));
      arrow::TableBatchReader batches(*table);
      ARROW_ASSIGN_OR_RAISE(const auto more, batches.ToRecordBatches());
      read.insert(read.end(), more.begin(), more.end());
    }
    for (auto& row : Identify(read, static_cast<uint32_t>(source))) rows.push_back(std::move(row));
  }
  return rows;
}

Result<PlanPtr> ParquetFiles::Plan(const std::shared_ptr<Env>& env) const {
  ARROW_ASSIGN_OR_RAISE(auto dataset, ParquetDataset::Make(env, listed_));
  return ParquetPlan(dataset);
}

}  // namespace millstream::testing_support
