#include "format/csv/csv_types.h"

#include <arrow/csv/invalid_row.h>
#include <arrow/csv/reader.h>
#include <arrow/io/memory.h>
#include <arrow/table.h>

namespace millstream {

Result<std::shared_ptr<arrow::Schema>> TypesOfCsvRows(std::string_view text, const std::vector<std::string>& names, const CsvOptions& options) {
  arrow::csv::ReadOptions read;
  read.use_threads = false;
  read.column_names = names;
  // A quoted value that is cut off at the end.
  auto parse = options.parse;
  parse.invalid_row_handler = [](const arrow::csv::InvalidRow&) { return arrow::csv::InvalidRowResult::Skip; };
  auto convert = options.Convert();
  // Whether the names fit is looked at where those of all files are known.
  convert.include_columns.clear();
  auto input = std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(text));
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::csv::TableReader::Make(arrow::io::default_io_context(), std::move(input), read, parse, convert));
  ARROW_ASSIGN_OR_RAISE(const auto table, reader->Read());
  return table->schema();
}

std::shared_ptr<arrow::DataType> CommonCsvType(const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b) {
  using arrow::Type;
  if (a->Equals(*b) || b->id() == Type::NA) return a;
  if (a->id() == Type::NA) return b;
  const auto are = [&](Type::type one, Type::type other) { return (a->id() == one && b->id() == other) || (a->id() == other && b->id() == one); };
  if (are(Type::INT64, Type::DOUBLE)) return arrow::float64();
  if (are(Type::DATE32, Type::TIMESTAMP)) return a->id() == Type::TIMESTAMP ? a : b;
  if (are(Type::TIMESTAMP, Type::TIMESTAMP)) {
    const auto& one = static_cast<const arrow::TimestampType&>(*a);
    const auto& other = static_cast<const arrow::TimestampType&>(*b);
    if (one.timezone() == other.timezone()) return one.unit() > other.unit() ? a : b;
  }
  return arrow::utf8();
}

}  // namespace millstream
