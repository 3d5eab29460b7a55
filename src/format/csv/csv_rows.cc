#include "format/csv/csv_rows.h"

#include <arrow/array/util.h>
#include <arrow/csv/converter.h>
#include <arrow/csv/invalid_row.h>
#include <arrow/csv/parser.h>
#include <arrow/util/utf8.h>

#include <algorithm>

namespace millstream {
namespace {

constexpr int32_t kBatchRows = 64 << 10;
constexpr size_t kShownBytes = 100;

std::string Shown(std::string_view text) {
  return text.size() <= kShownBytes ? std::string(text) : std::string(text.substr(0, kShownBytes)) + "...";
}

}  // namespace

struct CsvRows::Column {
  int index = -1;  // in the file
  std::shared_ptr<arrow::csv::Converter> converter;
};

CsvRows::CsvRows(CsvColumns columns, const CsvOptions& options, std::string where, arrow::MemoryPool* pool)
    : columns_(std::move(columns)), options_(options), convert_(options.Convert()), where_(std::move(where)), pool_(pool) {}

Status CsvRows::MakeConverters() {
  arrow::util::InitializeUTF8();
  for (const auto& field : columns_.schema->fields()) {
    auto column = std::make_shared<Column>();
    const auto found = std::find(columns_.names.begin(), columns_.names.end(), field->name());
    if (found != columns_.names.end()) {
      column->index = static_cast<int>(found - columns_.names.begin());
      ARROW_ASSIGN_OR_RAISE(column->converter, arrow::csv::Converter::Make(field->type(), convert_, pool_));
    }
    converters_.push_back(std::move(column));
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> CsvRows::Next(std::string_view text, bool is_last, int64_t* parsed) {
  if (converters_.empty()) ARROW_RETURN_NOT_OK(MakeConverters());
  auto parse = options_.parse;
  parse.invalid_row_handler = [this](const arrow::csv::InvalidRow& row) {
    ragged_ = "row " + std::to_string(row.number) + " has " + std::to_string(row.actual_columns) + (row.actual_columns == 1 ? " value" : " values") + " for " +
              std::to_string(row.expected_columns) + " columns: '" + Shown(row.text) + "'";
    return arrow::csv::InvalidRowResult::Error;
  };
  arrow::csv::BlockParser parser(pool_, parse, static_cast<int32_t>(columns_.names.size()), rows_, kBatchRows);
  uint32_t bytes = 0;
  const Status status = is_last ? parser.ParseFinal(text, &bytes) : parser.Parse(text, &bytes);
  if (!ragged_.empty()) return Ragged();
  if (!status.ok()) return WithContext(MakeError(status.IsOutOfMemory() ? ErrorKind::kBudget : ErrorKind::kCorruptData, status.message()), where_);
  *parsed = bytes;
  const int64_t rows = parser.num_rows();
  if (rows == 0) return nullptr;
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (size_t field = 0; field < converters_.size(); ++field) {
    const Column& column = *converters_[field];
    auto values = column.index < 0 ? arrow::MakeArrayOfNull(columns_.schema->field(static_cast<int>(field))->type(), rows, pool_)
                                   : column.converter->Convert(parser, column.index);
    if (!values.ok()) return NotConverted(values.status(), static_cast<int>(field));
    columns.push_back(std::move(*values));
  }
  rows_ += rows;
  return arrow::RecordBatch::Make(columns_.schema, rows, std::move(columns));
}

Status CsvRows::Ragged() const {
  return MakeError(ErrorKind::kCorruptData, where_ + ": " + ragged_ +
                                                "; the file may have another delimiter (parse_options=pyarrow.csv.ParseOptions(delimiter=...)), or line ends "
                                                "within quoted values (newlines_in_values=True)");
}

Status CsvRows::NotConverted(const Status& status, int field) const {
  if (status.IsOutOfMemory()) return WithContext(status, where_);
  const std::string& name = columns_.schema->field(field)->name();
  const bool typed = options_.convert.column_types.contains(name);
  return MakeError(ErrorKind::kCorruptData, where_ + ", column '" + name + "': " + status.message() +
                                                (typed ? "" : "; its type was told from a part of the rows: give it with convert_options=pyarrow.csv.ConvertOptions("
                                                              "column_types={'" + name + "': ...})"));
}

}  // namespace millstream
