#include "format/path_scan.h"

#include <arrow/array/array_binary.h>
#include <arrow/compute/expression.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <utility>

namespace millstream {
namespace {

using arrow::compute::Expression;

/// Batches of some fields of a file, and of its path's values.
class MixedReader : public arrow::RecordBatchReader {
 public:
  struct Field {
    int stored;                            // of the batches of `stored`; -1: `value`
    std::shared_ptr<arrow::Array> values;  // of all files
  };
  MixedReader(std::unique_ptr<arrow::RecordBatchReader> stored, std::vector<Field> fields, std::shared_ptr<arrow::Schema> schema, int64_t file, int64_t rows, int64_t batch_rows,
              arrow::MemoryPool* pool)
      : stored_(std::move(stored)), fields_(std::move(fields)), schema_(std::move(schema)), file_(file), rows_left_(rows), batch_rows_(batch_rows), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (stored_ != nullptr) ARROW_RETURN_NOT_OK(stored_->ReadNext(&batch));
    const int64_t rows = batch != nullptr ? batch->num_rows() : std::min(rows_left_, batch_rows_);
    out->reset();
    if (stored_ != nullptr ? batch == nullptr : rows == 0) return Status::OK();
    rows_left_ -= rows;
    arrow::ArrayVector columns;
    for (const Field& field : fields_) {
      columns.push_back(field.stored >= 0 ? batch->column(field.stored) : nullptr);
      if (field.stored < 0) ARROW_RETURN_NOT_OK(ColumnOfPath(*field.values, file_, rows, pool_).Value(&columns.back()));
    }
    *out = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    return Status::OK();
  }

 private:
  const std::unique_ptr<arrow::RecordBatchReader> stored_;  // null where no field is stored
  const std::vector<Field> fields_;
  const std::shared_ptr<arrow::Schema> schema_;
  const int64_t file_;
  int64_t rows_left_;
  const int64_t batch_rows_;
  arrow::MemoryPool* const pool_;
};

/// The file's own fields, then its path's.
class PathScanColumns : public ScanColumns {
 public:
  PathScanColumns(std::unique_ptr<ScanColumns> stored, const arrow::RecordBatch& values, int64_t file, arrow::MemoryPool* pool)
      : stored_(std::move(stored)), values_(values), file_(file), pool_(pool), stored_fields_(stored_->schema()->num_fields()) {
    arrow::FieldVector fields = stored_->schema()->fields();
    for (const auto& field : values.schema()->fields()) fields.push_back(field);
    schema_ = arrow::schema(std::move(fields), stored_->schema()->metadata());
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  int64_t num_rows() const override { return stored_->num_rows(); }
  int FlatWidth(int field) const override { return IsStored(field) ? stored_->FlatWidth(field) : 0; }
  Status ReadSideBySide() override { return stored_->ReadSideBySide(); }
  void WillRead(const std::vector<int>& fields) override {
    std::vector<int> stored;
    std::copy_if(fields.begin(), fields.end(), std::back_inserter(stored), [this](int field) { return IsStored(field); });
    stored_->WillRead(stored);
  }
  int64_t DecodeBytes(int field) const override { return IsStored(field) ? stored_->DecodeBytes(field) : 0; }
  int64_t RowBytes(int field) const override { return IsStored(field) ? stored_->RowBytes(field) : 0; }
  int64_t SourceBytes(int field) const override { return IsStored(field) ? stored_->SourceBytes(field) : 0; }
  bool MayHaveNulls(int field) const override { return !IsStored(field) || stored_->MayHaveNulls(field); }
  std::optional<ValueRange> RangeOf(int field) const override { return IsStored(field) ? stored_->RangeOf(field) : std::nullopt; }
  std::string SourceName() const override { return stored_->SourceName(); }
  std::string Where(int field) const override { return IsStored(field) ? stored_->Where(field) : ""; }
  Result<std::unique_ptr<FlatColumnReader>> ReadFlat(int field) override { return stored_->ReadFlat(field); }
  Result<std::unique_ptr<KeptRowsReader>> ReadKept(int field) override { return stored_->ReadKept(field); }

  Result<std::unique_ptr<arrow::RecordBatchReader>> ReadArrays(const std::vector<int>& fields, int64_t batch_rows) override {
    std::vector<int> stored;
    std::vector<MixedReader::Field> mixed;
    arrow::FieldVector kept;
    for (const int field : fields) {
      const bool is_stored = IsStored(field);
      mixed.push_back({is_stored ? static_cast<int>(stored.size()) : -1, is_stored ? nullptr : values_.column(field - stored_fields_)});
      if (is_stored) stored.push_back(field);
      kept.push_back(schema_->field(field));
    }
    if (stored.size() == fields.size()) return stored_->ReadArrays(fields, batch_rows);
    std::unique_ptr<arrow::RecordBatchReader> reader;
    if (!stored.empty()) ARROW_RETURN_NOT_OK(stored_->ReadArrays(stored, batch_rows).Value(&reader));
    return std::make_unique<MixedReader>(std::move(reader), std::move(mixed), arrow::schema(std::move(kept)), file_, num_rows(), batch_rows, pool_);
  }

 private:
  bool IsStored(int field) const { return field < stored_fields_; }

  const std::unique_ptr<ScanColumns> stored_;
  const arrow::RecordBatch& values_;
  const int64_t file_;
  arrow::MemoryPool* const pool_;
  const int stored_fields_;
  std::shared_ptr<arrow::Schema> schema_;
};

/// The expression with the file's values in place of the path's columns.
Result<Expression> WithValuesOf(const Expression& expression, const arrow::RecordBatch& values, int64_t file) {
  if (const auto* field = expression.field_ref()) {
    const auto column = field->name() == nullptr ? nullptr : values.GetColumnByName(*field->name());
    if (column == nullptr) return expression;
    ARROW_ASSIGN_OR_RAISE(auto value, column->GetScalar(file));
    return arrow::compute::literal(std::move(value));
  }
  const auto* call = expression.call();
  if (call == nullptr) return expression;
  std::vector<Expression> arguments;
  for (const Expression& argument : call->arguments) {
    ARROW_ASSIGN_OR_RAISE(auto replaced, WithValuesOf(argument, values, file));
    arguments.push_back(std::move(replaced));
  }
  return arrow::compute::call(call->function_name, std::move(arguments), call->options);
}

/// Of a value, about.
int64_t BytesOf(const arrow::Array& values) {
  if (values.type_id() != arrow::Type::STRING) return 8;
  int64_t longest = 0;
  for (int64_t i = 0; i < values.length(); ++i) longest = std::max<int64_t>(longest, static_cast<const arrow::StringArray&>(values).value_length(i));
  return longest + 4;
}

}  // namespace

Result<std::shared_ptr<const PathScan>> PathScan::Make(std::shared_ptr<const ScanSource> files, std::shared_ptr<arrow::RecordBatch> values) {
  std::shared_ptr<PathScan> scan(new PathScan(std::move(files), std::move(values)));
  ARROW_ASSIGN_OR_RAISE(scan->schema_, WithFieldsOfPaths(*scan->files_->schema(), *scan->values_));
  return scan;
}

Result<std::unique_ptr<ScanColumns>> PathScan::Open(const ScanTask& task, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(auto stored, files_->Open(task, pool));
  return std::make_unique<PathScanColumns>(std::move(stored), *values_, task.source, pool);
}

ScanSizes PathScan::sizes() const {
  ScanSizes sizes = files_->sizes();
  if (sizes.columns.empty()) return sizes;
  for (const auto& values : values_->columns()) {
    sizes.columns.push_back({.row_bytes = BytesOf(*values)});
    sizes.column_row_bytes_max = std::max(sizes.column_row_bytes_max, sizes.columns.back().row_bytes);
  }
  return sizes;
}

bool PathScan::MayPass(const ScanTask& task, const Expression& filter) const {
  const auto known = WithValuesOf(filter, *values_, task.source);
  if (!known.ok()) return true;
  if (auto bound = known->Bind(*files_->schema()); bound.ok()) {
    const auto folded = arrow::compute::FoldConstants(*std::move(bound));
    const arrow::Datum* constant = folded.ok() ? folded->literal() : nullptr;
    if (constant != nullptr && constant->is_scalar() && constant->type()->id() == arrow::Type::BOOL) {
      const auto& holds = constant->scalar_as<arrow::BooleanScalar>();
      if (!holds.is_valid || !holds.value) return false;
    }
  }
  return files_->MayPass(task, *known);
}

}  // namespace millstream
