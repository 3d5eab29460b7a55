#include "format/library_writer.h"

#include <arrow/compute/cast.h>

#include <algorithm>

#include "column/gather.h"

namespace millstream {
namespace {

constexpr int64_t kPartBytes = 1 << 20;

class BatchWriter final : public FileWriter {
 public:
  BatchWriter(std::unique_ptr<FileSink> sink, std::shared_ptr<BudgetPool> pool) : sink_(std::move(sink)), pool_(std::move(pool)) {}

  Status Init(const arrow::Schema& schema, bool (*decoded)(const std::shared_ptr<arrow::DataType>&), const OpenLibraryWriter& open) {
    arrow::FieldVector fields;
    for (const auto& field : schema.fields()) {
      decoded_.push_back(decoded(field->type()));
      fields.push_back(decoded_.back() ? field->WithType(PlainType(field->type())) : field);
    }
    schema_ = arrow::schema(std::move(fields), schema.metadata());
    return sink_->InFile(open(sink_->stream(), schema_).Value(&writer_));
  }

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    ARROW_ASSIGN_OR_RAISE(const auto stored, Stored(*batch));
    const int64_t part_rows = std::max<int64_t>(1, kPartBytes * stored->num_rows() / std::max<int64_t>(RowBytes(*stored), 1));
    for (int64_t row = 0; row < stored->num_rows(); row += part_rows) {
      ARROW_RETURN_NOT_OK(sink_->InFile(writer_->WriteRecordBatch(*stored->Slice(row, part_rows))));
    }
    rows_ += batch->num_rows();
    return Status::OK();
  }

  Result<WrittenRows> Close() override {
    ARROW_RETURN_NOT_OK(sink_->InFile(writer_->Close()));
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Close());
    return WrittenRows{rows_, bytes};
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Stored(const arrow::RecordBatch& batch) const {
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (int column = 0; column < batch.num_columns(); ++column) {
      columns.push_back(batch.column_data(column));
      if (!decoded_[static_cast<size_t>(column)]) continue;
      const Status status = ToPlain(columns.back(), pool_.get()).Value(&columns.back());
      ARROW_RETURN_NOT_OK(sink_->InFile(WithContext(status, "column '" + schema_->field(column)->name() + "'")));
    }
    return arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(columns));
  }

  const std::unique_ptr<FileSink> sink_;
  const std::shared_ptr<BudgetPool> pool_;
  std::vector<bool> decoded_;  // by column
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
  int64_t rows_ = 0;
};

}  // namespace

Status NoForm(const arrow::Field& field, const char* format) {
  return MakeError(ErrorKind::kType, "Column '" + field.name() + "' of type " + field.type()->ToString() + " has no form in " + format +
                                         "; cast or drop the column, or write Parquet");
}

Status CheckHasColumns(const arrow::Schema& schema, const char* format) {
  if (schema.num_fields() > 0) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, std::string("Rows without columns cannot be written as ") + format);
}

bool HasDictionary(const std::shared_ptr<arrow::DataType>& type) {
  if (type->id() == arrow::Type::DICTIONARY) return true;
  if (type->id() == arrow::Type::EXTENSION) return HasDictionary(static_cast<const arrow::ExtensionType&>(*type).storage_type());
  return std::any_of(type->fields().begin(), type->fields().end(), [](const auto& field) { return HasDictionary(field->type()); });
}

bool IsEncoded(const std::shared_ptr<arrow::DataType>& type) { return PlainType(type) != type; }

std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  auto stored = StorageType(type);
  if (stored->id() == arrow::Type::STRING_VIEW) return arrow::large_utf8();
  return stored->id() == arrow::Type::BINARY_VIEW ? arrow::large_binary() : stored;
}

Result<std::shared_ptr<arrow::ArrayData>> ToPlain(const std::shared_ptr<arrow::ArrayData>& data, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(data, pool));
  const auto type = PlainType(data->type);
  if (stored->type->Equals(*type)) return stored;
  arrow::compute::ExecContext context(pool);
  ARROW_ASSIGN_OR_RAISE(const auto plain, arrow::compute::Cast(arrow::Datum(std::move(stored)), type, arrow::compute::CastOptions::Safe(), &context));
  return plain.array();
}

Result<std::unique_ptr<FileWriter>> OpenBatchWriter(Env& env, const FileToWrite& file, arrow::Compression::type compression,
                                                    bool (*decoded)(const std::shared_ptr<arrow::DataType>&), const OpenLibraryWriter& open) {
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Create(env, file.path, compression, file.pool.get()));
  auto writer = std::make_unique<BatchWriter>(std::move(sink), file.pool);
  ARROW_RETURN_NOT_OK(writer->Init(*file.schema, decoded, open));
  return writer;
}

}  // namespace millstream
