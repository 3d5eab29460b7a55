#include "format/parquet/parquet_writer.h"

#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>

#include "column/gather.h"
#include "format/batch_bytes.h"
#include "format/parquet/parquet_form.h"
#include "format/parquet/parquet_guard.h"
#include "memory/overdraft_pool.h"

namespace millstream {
namespace {

constexpr int64_t kRowGroupBytesGuess = 32 << 20;
constexpr int64_t kRowGroupRowsMin = 1 << 10;
constexpr int64_t kRowGroupRowsMax = 1 << 20;
/// Arrow's default: a dictionary that grows beyond it is given up.
constexpr int64_t kDictionaryBytesMax = 1 << 20;
/// Of the hash table that finds a value's number: entries of 24 bytes, of which it holds 2 and then 8 a value while it grows, and pages it rounds up to.
constexpr int64_t kHashBytesPerValue = 256;
constexpr int64_t kCodeBytes = 4;
constexpr int64_t kColumnBytesMin = 256 << 10;

std::shared_ptr<parquet::WriterProperties> PropertiesOf(const ParquetWriterOptions& options, int64_t row_group_rows, arrow::MemoryPool* pool) {
  parquet::WriterProperties::Builder builder;
  builder.memory_pool(pool)->compression(options.compression)->max_row_group_length(row_group_rows)->enable_page_checksum();
  return builder.build();
}

std::shared_ptr<parquet::ArrowWriterProperties> ArrowPropertiesOf() {
  parquet::ArrowWriterProperties::Builder builder;
  return builder.store_schema()->set_use_threads(false)->build();
}

Result<std::shared_ptr<arrow::RecordBatch>> Copied(const arrow::RecordBatch& batch, arrow::MemoryPool* pool) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < batch.num_columns(); ++column) {
    const auto& type = batch.schema()->field(column)->type();
    ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch.column_data(column), pool));
    ARROW_ASSIGN_OR_RAISE(stored, Concatenate({std::move(stored)}, StorageType(type), pool));
    ARROW_ASSIGN_OR_RAISE(stored, FromStorage(stored, type, pool));
    columns.push_back(std::move(stored));
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

class ParquetWriter final : public FileWriter {
 public:
  ParquetWriter(std::string path, std::shared_ptr<arrow::Schema> schema, std::shared_ptr<BudgetPool> pool)
      : path_(std::move(path)), schema_(std::move(schema)), pool_(std::move(pool)), library_pool_(pool_) {}
  ~ParquetWriter() override {
    // The library would write the rest of an unfinished file; whoever gave up on it does not want it.
    if (sink_ != nullptr && !sink_->closed()) (void)sink_->Abort();
  }

  Status Init(Env& env, const ParquetWriterOptions& options) {
    row_group_rows_ = options.row_group_rows > 0 ? options.row_group_rows : DefaultRowGroupRows(*schema_);
    ARROW_ASSIGN_OR_RAISE(sink_, env.CreateForWrite(path_));
    const auto properties = PropertiesOf(options, row_group_rows_, &library_pool_);
    return Guarded([&]() -> Status {
      return parquet::arrow::FileWriter::Open(*schema_, &library_pool_, sink_, properties, ArrowPropertiesOf()).Value(&writer_);
    });
  }

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    for (int64_t row = 0; row < batch->num_rows();) {
      const int64_t rows = std::min(batch->num_rows() - row, row_group_rows_ - kept_rows_);
      ARROW_RETURN_NOT_OK(Keep(batch->Slice(row, rows)));
      row += rows;
      if (kept_rows_ == row_group_rows_) ARROW_RETURN_NOT_OK(WriteRowGroup());
    }
    return Status::OK();
  }

  Result<WrittenRows> Close() override {
    if (kept_rows_ > 0) ARROW_RETURN_NOT_OK(WriteRowGroup());
    ARROW_RETURN_NOT_OK(Guarded([&] { return writer_->Close(); }));
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Tell());
    ARROW_RETURN_NOT_OK(sink_->Close());
    return WrittenRows{rows_, bytes};
  }

 private:
  Status Keep(std::shared_ptr<arrow::RecordBatch> batch) {
    kept_rows_ += batch->num_rows();
    rows_ += batch->num_rows();
    if (IsPartOfMore(*batch)) {
      // What it is a part of would be kept too, uncharged.
      auto copied = Copied(*batch, pool_.get());
      if (!copied.ok()) return InFile(copied.status());
      kept_.emplace_back(std::move(*copied), Reservation());
      return Status::OK();
    }
    auto charged = Reservation::Take(pool_->ledger(), HeldBytes(*batch));
    if (!charged.ok()) return InFile(charged.status());
    kept_.emplace_back(std::move(batch), std::move(*charged));
    return Status::OK();
  }

  Status WriteRowGroup() {
    ARROW_RETURN_NOT_OK(Guarded([&] { return writer_->NewRowGroup(); }));
    for (int column = 0; column < schema_->num_fields(); ++column) {
      ARROW_ASSIGN_OR_RAISE(const auto form, FormOf(column));
      ARROW_RETURN_NOT_OK(Guarded([&] { return writer_->WriteColumnChunk(form); }));
    }
    kept_.clear();
    kept_rows_ = 0;
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::ChunkedArray>> FormOf(int column) const {
    arrow::ArrayVector pieces;
    for (const auto& [batch, charged] : kept_) {
      auto form = ToParquetForm(batch->column_data(column), pool_.get());
      if (!form.ok()) return InFile(WithContext(form.status(), "column '" + schema_->field(column)->name() + "'"));
      pieces.push_back(arrow::MakeArray(std::move(*form)));
    }
    return std::make_shared<arrow::ChunkedArray>(std::move(pieces), schema_->field(column)->type());
  }

  Status InFile(const Status& status) const {
    if (KindOf(status) != ErrorKind::kBudget) return WithContext(status, "file " + path_);
    return WithContext(status, "file " + path_ + ": the memory for a row group is refused; write smaller row groups or raise the limit");
  }

  template <typename Call>
  Status Guarded(Call call) const {
    Status status = GuardParquet(call);
    if (!library_pool_.status().ok()) status = library_pool_.status();
    return InFile(status);
  }

  const std::string path_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<BudgetPool> pool_;
  OverdraftPool library_pool_;
  std::shared_ptr<arrow::io::OutputStream> sink_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  int64_t row_group_rows_ = 0;
  std::vector<std::pair<std::shared_ptr<arrow::RecordBatch>, Reservation>> kept_;  // of the row group at hand
  int64_t kept_rows_ = 0;
  int64_t rows_ = 0;
};

/// What encoding a column holds at one time beside its rows: codes, pages, a dictionary and its hash table.
int64_t ColumnBytes(int64_t rows, int64_t value_bytes) {
  const int64_t distinct = std::min(rows, kDictionaryBytesMax / std::min<int64_t>(value_bytes, 8));
  return std::max(rows * (value_bytes + kCodeBytes) + distinct * kHashBytesPerValue, kColumnBytesMin);
}

}  // namespace

const CompressionTypes& ParquetCompressions() {
  using arrow::Compression;
  static const CompressionTypes kTypes = {Compression::SNAPPY, Compression::ZSTD,   Compression::GZIP,
                                          Compression::LZ4,    Compression::BROTLI, Compression::UNCOMPRESSED};
  return kTypes;
}

int64_t DefaultRowGroupRows(const arrow::Schema& schema) {
  return std::clamp(kRowGroupBytesGuess / RowBytesGuess(schema), kRowGroupRowsMin, kRowGroupRowsMax);
}

Status ParquetWriteFormat::Check(const arrow::Schema& schema) const {
  if (options_.row_group_rows < 0) {
    return MakeError(ErrorKind::kInvalidArgument, "A row group needs at least 1 row, got " + std::to_string(options_.row_group_rows));
  }
  return ParquetSchema(schema).status();
}

int64_t ParquetWriteFormat::EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const {
  const int64_t group_rows = options_.row_group_rows > 0 ? options_.row_group_rows : DefaultRowGroupRows(schema);
  const int64_t rows = std::min(group_rows, file_rows);
  int64_t rows_bytes = 0, column_bytes = 0;
  for (const auto& field : schema.fields()) {
    const int64_t value_bytes = ValueBytesGuess(*field->type());
    rows_bytes += rows * value_bytes;
    rows_bytes += (rows / batch_rows + 1) * (BudgetPool::ChargedBytes(batch_rows * value_bytes) - batch_rows * value_bytes);
    column_bytes = std::max(column_bytes, ColumnBytes(rows, value_bytes));
  }
  return rows_bytes + column_bytes;
}

Result<std::unique_ptr<FileWriter>> ParquetWriteFormat::Open(Env& env, const FileToWrite& file) const {
  ARROW_RETURN_NOT_OK(WithContext(Check(*file.schema), "file " + file.path));
  ARROW_ASSIGN_OR_RAISE(auto written, ParquetSchema(*file.schema));
  auto writer = std::make_unique<ParquetWriter>(file.path, std::move(written), file.pool);
  ARROW_RETURN_NOT_OK(writer->Init(env, options_));
  return writer;
}

}  // namespace millstream
