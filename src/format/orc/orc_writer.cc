#include "format/orc/orc_writer.h"

#include <arrow/adapters/orc/adapter.h>
#include <arrow/array/util.h>
#include <arrow/io/memory.h>

#include "column/gather.h"
#include "format/library_writer.h"
#include "memory/budget.h"

namespace millstream {
namespace {

using arrow::adapters::orc::ORCFileWriter;

constexpr int64_t kStripeBytes = 16 << 20;
/// The library keeps a stripe in memory of its own, which is set aside for it, with what encoding takes.
constexpr int64_t kLibraryBytes = 3 * kStripeBytes / 2;
constexpr int64_t kBatchBytes = 4 << 20;

arrow::adapters::orc::WriteOptions OptionsOf(arrow::Compression::type compression) {
  arrow::adapters::orc::WriteOptions options;
  options.stripe_size = kStripeBytes;
  options.compression = compression;
  return options;
}

/// ORCFileWriter as other writers of the library are.
class OrcBatches final : public arrow::ipc::RecordBatchWriter {
 public:
  OrcBatches(std::unique_ptr<ORCFileWriter> writer, std::shared_ptr<arrow::Schema> schema, std::shared_ptr<BudgetPool> pool, Reservation reserved)
      : reserved_(std::move(reserved)), writer_(std::move(writer)), schema_(std::move(schema)), pool_(std::move(pool)) {}
  Status WriteRecordBatch(const arrow::RecordBatch& batch) override {
    has_schema_ = true;
    auto columns = batch.columns();
    for (auto& column : columns) {
      if (column->offset() == 0 || !arrow::is_nested(column->type_id())) continue;
      // Of a struct that does not begin at 0 the library writes the wrong rows.
      ARROW_ASSIGN_OR_RAISE(auto own, Concatenate({column->data()}, column->type(), pool_.get()));
      column = arrow::MakeArray(std::move(own));
    }
    return writer_->Write(*arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns)));
  }
  Status Close() override {
    // The library takes the schema from the first batch.
    if (!has_schema_) {
      ARROW_ASSIGN_OR_RAISE(const auto none, arrow::RecordBatch::MakeEmpty(schema_));
      ARROW_RETURN_NOT_OK(writer_->Write(*none));
    }
    return writer_->Close();
  }
  arrow::ipc::WriteStats stats() const override { return {}; }

 private:
  Reservation reserved_;  // outlives the writer
  const std::unique_ptr<ORCFileWriter> writer_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<BudgetPool> pool_;
  bool has_schema_ = false;
};

}  // namespace

const CompressionTypes& OrcWriteFormat::Compressions() {
  using arrow::Compression;
  static const CompressionTypes kTypes = {Compression::SNAPPY, Compression::ZSTD, Compression::GZIP, Compression::LZ4, Compression::UNCOMPRESSED};
  return kTypes;
}

Status OrcWriteFormat::Check(const arrow::Schema& schema) const {
  ARROW_RETURN_NOT_OK(CheckHasColumns(schema, "ORC"));
  for (const auto& field : schema.fields()) {
    // What the library takes is seen by trying.
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(auto writer, ORCFileWriter::Open(sink.get(), OptionsOf(compression_)));
    const auto stored = arrow::schema({field->WithType(PlainType(field->type()))});
    ARROW_ASSIGN_OR_RAISE(const auto none, arrow::RecordBatch::MakeEmpty(stored));
    if (!writer->Write(*none).ok() || !writer->Close().ok()) return NoForm(*field, "ORC");
  }
  return Status::OK();
}

int64_t OrcWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return kLibraryBytes + kBatchBytes; }

Result<std::unique_ptr<FileWriter>> OrcWriteFormat::Open(Env& env, const FileToWrite& file) const {
  const auto open = [&](arrow::io::OutputStream* sink, const std::shared_ptr<arrow::Schema>& schema) -> Result<std::shared_ptr<arrow::ipc::RecordBatchWriter>> {
    ARROW_ASSIGN_OR_RAISE(auto reserved, Reservation::Take(file.pool->ledger(), kLibraryBytes));
    ARROW_ASSIGN_OR_RAISE(auto writer, ORCFileWriter::Open(sink, OptionsOf(compression_)));
    return std::make_shared<OrcBatches>(std::move(writer), schema, file.pool, std::move(reserved));
  };
  return OpenBatchWriter(env, file, arrow::Compression::UNCOMPRESSED, IsEncoded, open);
}

}  // namespace millstream
