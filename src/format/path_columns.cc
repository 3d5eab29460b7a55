#include "format/path_columns.h"

#include <utility>

namespace millstream {
namespace {

/// The batches of a file, with the values of that file behind their columns.
class WithValues : public arrow::RecordBatchReader {
 public:
  WithValues(std::shared_ptr<arrow::RecordBatchReader> reader, std::shared_ptr<arrow::Schema> schema, const arrow::RecordBatch& values, int64_t file, arrow::MemoryPool* pool)
      : reader_(std::move(reader)), schema_(std::move(schema)), values_(values), file_(file), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(out));
    if (*out == nullptr) return Status::OK();
    auto columns = (*out)->columns();
    for (const auto& values : values_.columns()) {
      ARROW_ASSIGN_OR_RAISE(auto column, ColumnOfPath(*values, file_, (*out)->num_rows(), pool_));
      columns.push_back(std::move(column));
    }
    *out = arrow::RecordBatch::Make(schema_, (*out)->num_rows(), std::move(columns));
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> reader_;
  const std::shared_ptr<arrow::Schema> schema_;
  const arrow::RecordBatch& values_;
  const int64_t file_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<std::shared_ptr<const PathColumns>> PathColumns::Make(std::shared_ptr<const FileFormat> format, std::shared_ptr<arrow::RecordBatch> values) {
  std::shared_ptr<PathColumns> with(new PathColumns(std::move(format), std::move(values)));
  ARROW_ASSIGN_OR_RAISE(with->schema_, WithFieldsOfPaths(*with->format_->schema(), *with->values_));
  return with;
}

Result<std::shared_ptr<const FileFormat>> PathColumns::Select(const std::vector<std::string>& names) const {
  std::vector<std::string> of_files;
  std::vector<int> of_paths;
  for (const std::string& name : names) {
    const int column = values_->schema()->GetFieldIndex(name);
    if (column >= 0) of_paths.push_back(column);
    else of_files.push_back(name);
  }
  if (format_->schema()->num_fields() == 0) return nullptr;
  if (of_files.empty()) of_files.push_back(format_->schema()->field(0)->name());  // that there are rows
  ARROW_ASSIGN_OR_RAISE(auto format, format_->Select(of_files));
  if (format == nullptr) return nullptr;
  if (of_paths.empty()) return format;
  ARROW_ASSIGN_OR_RAISE(auto values, values_->SelectColumns(of_paths));
  return Make(std::move(format), std::move(values));
}

Result<std::shared_ptr<arrow::RecordBatchReader>> PathColumns::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  ARROW_ASSIGN_OR_RAISE(auto reader, format_->Read(range, pool, bad));
  return std::make_shared<WithValues>(std::move(reader), schema_, *values_, range.file, pool);
}

}  // namespace millstream
