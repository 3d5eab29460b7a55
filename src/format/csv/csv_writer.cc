#include "format/csv/csv_writer.h"

#include <arrow/compute/cast.h>
#include <arrow/csv/writer.h>

#include "format/library_writer.h"

namespace millstream {
namespace {

arrow::csv::WriteOptions OptionsOf(const CsvWriteOptions& options, arrow::MemoryPool* pool) {
  using arrow::csv::QuotingStyle;
  auto out = arrow::csv::WriteOptions::Defaults();
  out.include_header = options.include_header;
  out.delimiter = options.delimiter;
  const auto style = [](CsvWriteOptions::Quoting quoting) {
    return quoting == CsvWriteOptions::Quoting::kNeeded ? QuotingStyle::Needed : quoting == CsvWriteOptions::Quoting::kAll ? QuotingStyle::AllValid : QuotingStyle::None;
  };
  out.quoting_style = style(options.quoting);
  out.quoting_header = style(options.quoting_header);
  out.io_context = arrow::io::IOContext(pool);
  return out;
}

/// Of the number of rows that Arrow writes at a time: their texts, and the parts they are made of.
constexpr int64_t kTextBytesMin = 4 << 20;

}  // namespace

Status CsvWriteFormat::Check(const arrow::Schema& schema) const {
  ARROW_RETURN_NOT_OK(CheckHasColumns(schema, "CSV"));
  for (const auto& field : schema.fields()) {
    const auto type = PlainType(field->type());
    // Bytes need not be UTF-8, which would be seen when many rows are written.
    const bool is_bytes = arrow::is_binary(type->id()) || type->id() == arrow::Type::FIXED_SIZE_BINARY;
    const bool has_text = !is_bytes && !arrow::is_nested(type->id()) && (type->id() == arrow::Type::NA || arrow::compute::CanCast(*type, *arrow::utf8()));
    if (!has_text) return NoForm(*field, "CSV");
  }
  return WithContext(OptionsOf(options_, arrow::default_memory_pool()).Validate(), "CSV cannot be written so");
}

int64_t CsvWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return kTextBytesMin; }

Result<std::unique_ptr<FileWriter>> CsvWriteFormat::Open(Env& env, const FileToWrite& file) const {
  const auto open = [&](arrow::io::OutputStream* sink, const std::shared_ptr<arrow::Schema>& schema) {
    return arrow::csv::MakeCSVWriter(sink, schema, OptionsOf(options_, file.pool.get()));
  };
  return OpenBatchWriter(env, file, options_.compression, IsEncoded, open);
}

}  // namespace millstream
