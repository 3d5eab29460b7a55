#include "format/parquet/parquet_writer.h"

#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <cctype>

#include "format/parquet/parquet_form.h"
#include "format/parquet/parquet_guard.h"

namespace millstream {
namespace {

constexpr int64_t kVaryingBytesGuess = 32;
constexpr int64_t kRowGroupBytesGuess = 32 << 20;
constexpr int64_t kRowGroupRowsMin = 1 << 10;
constexpr int64_t kRowGroupRowsMax = 1 << 20;
/// A data page, a dictionary with its hash table and a page under compression, each about 1 MiB by Arrow's defaults.
constexpr int64_t kColumnBytesMax = 4 << 20;
constexpr int64_t kColumnBytesMin = 64 << 10;

int64_t ValueBytes(const arrow::DataType& type) {
  if (type.id() == arrow::Type::EXTENSION) return ValueBytes(*static_cast<const arrow::ExtensionType&>(type).storage_type());
  if (type.id() == arrow::Type::FIXED_SIZE_LIST) {
    const auto& list = static_cast<const arrow::FixedSizeListType&>(type);
    return 1 + list.list_size() * ValueBytes(*list.value_type());
  }
  if (type.id() == arrow::Type::STRUCT) {
    int64_t bytes = 1;
    for (const auto& field : type.fields()) bytes += ValueBytes(*field->type());
    return bytes;
  }
  if (type.id() == arrow::Type::DICTIONARY || !arrow::is_fixed_width(type.id())) return kVaryingBytesGuess;
  return std::max(type.bit_width() / 8, 1);
}

std::shared_ptr<parquet::WriterProperties> PropertiesOf(const ParquetWriterOptions& options, int64_t row_group_rows, arrow::MemoryPool* pool) {
  parquet::WriterProperties::Builder builder;
  builder.memory_pool(pool)->compression(options.compression)->max_row_group_length(row_group_rows)->enable_page_checksum();
  return builder.build();
}

std::shared_ptr<parquet::ArrowWriterProperties> ArrowPropertiesOf() {
  parquet::ArrowWriterProperties::Builder builder;
  return builder.store_schema()->set_use_threads(false)->build();
}

class FileWriter final : public ParquetWriter {
 public:
  FileWriter(std::string path, std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : path_(std::move(path)), schema_(std::move(schema)), pool_(pool) {}
  ~FileWriter() override {
    // The library would write the rest of an unfinished file; whoever gave up on it does not want it.
    if (sink_ != nullptr && !sink_->closed()) (void)sink_->Abort();
  }

  Status Init(Env& env, const ParquetWriterOptions& options) {
    const int64_t row_group_rows = options.row_group_rows > 0 ? options.row_group_rows : DefaultRowGroupRows(*schema_);
    ARROW_ASSIGN_OR_RAISE(sink_, env.CreateForWrite(path_));
    const auto properties = PropertiesOf(options, row_group_rows, pool_);
    return Guarded([&]() -> Status { return parquet::arrow::FileWriter::Open(*schema_, pool_, sink_, properties, ArrowPropertiesOf()).Value(&writer_); });
  }

  Status Write(const arrow::RecordBatch& batch) override {
    ARROW_ASSIGN_OR_RAISE(const auto form, FormOf(batch));
    rows_ += form->num_rows();
    if (form->num_rows() == 0) return Status::OK();
    return Guarded([&] { return writer_->WriteRecordBatch(*form); });
  }

  Result<Written> Close() override {
    ARROW_RETURN_NOT_OK(Guarded([&] { return writer_->Close(); }));
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Tell());
    ARROW_RETURN_NOT_OK(sink_->Close());
    return Written{rows_, bytes};
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> FormOf(const arrow::RecordBatch& batch) const {
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (int column = 0; column < batch.num_columns(); ++column) {
      auto form = ToParquetForm(batch.column_data(column), pool_);
      if (!form.ok()) return WithContext(form.status(), "column '" + batch.schema()->field(column)->name() + "'");
      columns.push_back(std::move(*form));
    }
    return arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(columns));
  }

  template <typename Call>
  Status Guarded(Call call) const {
    const Status status = GuardParquet(call);
    if (KindOf(status) != ErrorKind::kBudget) return WithContext(status, "file " + path_);
    return WithContext(status, "file " + path_ + ": the memory for a row group is refused; write smaller row groups or raise the limit");
  }

  const std::string path_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  int64_t rows_ = 0;
};

}  // namespace

Result<arrow::Compression::type> ParseCompression(const std::string& name) {
  std::string lower;
  for (const char letter : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  static const std::pair<const char*, arrow::Compression::type> kCodecs[] = {
      {"snappy", arrow::Compression::SNAPPY}, {"zstd", arrow::Compression::ZSTD},     {"gzip", arrow::Compression::GZIP},
      {"lz4", arrow::Compression::LZ4},       {"brotli", arrow::Compression::BROTLI}, {"none", arrow::Compression::UNCOMPRESSED}};
  for (const auto& [known, codec] : kCodecs) {
    if (lower == known && arrow::util::Codec::IsAvailable(codec)) return codec;
  }
  return MakeError(ErrorKind::kInvalidArgument, "Unknown compression '" + name + "': use 'snappy', 'zstd', 'gzip', 'lz4', 'brotli' or 'none'");
}

int64_t RowBytesGuess(const arrow::Schema& schema) {
  int64_t bytes = 1;
  for (const auto& field : schema.fields()) bytes += ValueBytes(*field->type());
  return bytes;
}

int64_t DefaultRowGroupRows(const arrow::Schema& schema) {
  return std::clamp(kRowGroupBytesGuess / RowBytesGuess(schema), kRowGroupRowsMin, kRowGroupRowsMax);
}

int64_t EncodeBytes(const arrow::Schema& schema, const ParquetWriterOptions& options, int64_t file_rows) {
  const int64_t group_rows = options.row_group_rows > 0 ? options.row_group_rows : DefaultRowGroupRows(schema);
  const int64_t rows = std::min(group_rows, file_rows);
  int64_t bytes = 0;
  for (const auto& field : schema.fields()) {
    const int64_t column = rows * ValueBytes(*field->type());
    bytes += column + std::clamp(3 * column, kColumnBytesMin, kColumnBytesMax);
  }
  return bytes;
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::Open(Env& env, const std::string& path, const arrow::Schema& schema,
                                                           const ParquetWriterOptions& options, arrow::MemoryPool* pool) {
  if (options.row_group_rows < 0) return MakeError(ErrorKind::kInvalidArgument, "A row group needs at least 1 row, got " + std::to_string(options.row_group_rows));
  auto written = ParquetSchema(schema);
  if (!written.ok()) return WithContext(written.status(), "file " + path);
  auto writer = std::make_unique<FileWriter>(path, std::move(*written), pool);
  ARROW_RETURN_NOT_OK(writer->Init(env, options));
  return writer;
}

}  // namespace millstream
