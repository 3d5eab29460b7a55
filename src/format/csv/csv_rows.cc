#include "format/csv/csv_rows.h"

#include <arrow/array/util.h>
#include <arrow/csv/converter.h>
#include <arrow/csv/invalid_row.h>
#include <arrow/csv/parser.h>
#include <arrow/util/utf8.h>

#include <algorithm>

#include "format/limits.h"

namespace millstream {
namespace {

constexpr int32_t kBatchRows = 64 << 10;
constexpr size_t kShownBytes = 100;

std::string Shown(std::string_view text) {
  return text.size() <= kShownBytes ? std::string(text) : std::string(text.substr(0, kShownBytes)) + "...";
}

}  // namespace

struct CsvRows::Parsed {
  std::unique_ptr<arrow::csv::BlockParser> parser;
  int64_t bytes = 0;  // of the text
  int64_t first_row = 0;
  size_t ragged_end = 0;  // in the text, of the last row that was passed over
  int64_t rows() const { return parser->num_rows(); }
};

Result<std::shared_ptr<const CsvConverters::Columns>> CsvConverters::Get() {
  std::lock_guard lock(mutex_);
  if (columns_ != nullptr) return columns_;
  arrow::util::InitializeUTF8();
  auto columns = std::make_shared<Columns>(Columns{options_.Convert(), {}});
  for (const auto& field : schema_->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto converter, arrow::csv::Converter::Make(field->type(), columns->options, arrow::default_memory_pool()));
    columns->converters.push_back(std::move(converter));
  }
  columns_ = std::move(columns);
  return columns_;
}

CsvRows::CsvRows(CsvColumns columns, std::shared_ptr<const CsvConverters::Columns> converters, const CsvOptions& options, const std::string& path, std::string where,
                 int64_t begin, arrow::MemoryPool* pool, BadParts* bad)
    : columns_(std::move(columns)), options_(options), converters_(std::move(converters)), where_(std::move(where)), pool_(pool), bad_(bad),
      long_lines_(path, LineEnd::kAny, options.limits.line_bytes, bad), begin_(begin) {
  for (const auto& field : columns_.schema->fields()) {
    const auto found = std::find(columns_.names.begin(), columns_.names.end(), field->name());
    indices_.push_back(found == columns_.names.end() ? -1 : static_cast<int>(found - columns_.names.begin()));
  }
}

Result<CsvRows::Parsed> CsvRows::Parse(std::string_view text, bool is_last, int32_t rows_max, int64_t first_row, bool notes_ragged) {
  // Of the first row that has another number of values than there are names, where such are an error.
  std::string ragged;
  size_t ragged_end = 0;
  auto parse = options_.parse;
  parse.invalid_row_handler = [&](const arrow::csv::InvalidRow& row) {
    const std::string what = "row " + std::to_string(row.number) + " has " + std::to_string(row.actual_columns) + (row.actual_columns == 1 ? " value" : " values") + " for " +
                             std::to_string(row.expected_columns) + " columns: '" + Shown(row.text) + "'";
    if (bad_ == nullptr) {
      ragged = what;
      return arrow::csv::InvalidRowResult::Error;
    }
    const bool within = row.text.data() >= text.data() && row.text.data() < text.data() + text.size();
    if (within) ragged_end = static_cast<size_t>(row.text.data() - text.data()) + row.text.size();
    if (notes_ragged) bad_->AddRow(within ? begin_ + (row.text.data() - text.data()) : -1, Ragged(what));
    return arrow::csv::InvalidRowResult::Skip;
  };
  Parsed parsed{std::make_unique<arrow::csv::BlockParser>(pool_, parse, static_cast<int32_t>(columns_.names.size()), first_row, rows_max), 0, first_row, 0};
  uint32_t bytes = 0;
  const Status status = is_last ? parsed.parser->ParseFinal(text, &bytes) : parsed.parser->Parse(text, &bytes);
  if (!ragged.empty()) return Ragged(ragged);
  if (!status.ok()) return WithContext(MakeError(status.IsOutOfMemory() ? ErrorKind::kBudget : ErrorKind::kCorruptData, status.message()), where_);
  parsed.bytes = bytes;
  parsed.ragged_end = ragged_end;
  return parsed;
}

Status CsvRows::CheckLengths(const Parsed& parsed) const {
  const int64_t bytes_max = options_.limits.line_bytes;
  if (!options_.parse.newlines_in_values || parsed.bytes <= bytes_max) return Status::OK();
  std::vector<int64_t> lengths(static_cast<size_t>(parsed.rows()), -1);  // with what is between values
  for (int column = 0; column < parsed.parser->num_cols(); ++column) {
    size_t row = 0;
    ARROW_RETURN_NOT_OK(parsed.parser->VisitColumn(column, [&](const uint8_t*, uint32_t size, bool, bool) {
      lengths[row++] += int64_t{size} + 1;
      return Status::OK();
    }));
  }
  const auto too_long = std::find_if(lengths.begin(), lengths.end(), [&](int64_t length) { return length > bytes_max; });
  if (too_long == lengths.end()) return Status::OK();
  const int64_t row = parsed.first_row + (too_long - lengths.begin());
  return OverLimit(where_ + ": row " + std::to_string(row) + " has " + std::to_string(*too_long) + " bytes, more than the " + std::to_string(bytes_max) + " of a row", "line_bytes");
}

Result<std::shared_ptr<arrow::RecordBatch>> CsvRows::Convert(const Parsed& parsed) const {
  ARROW_RETURN_NOT_OK(CheckLengths(parsed));
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (size_t field = 0; field < indices_.size(); ++field) {
    const int index = indices_[field];
    auto values = index < 0 ? arrow::MakeArrayOfNull(columns_.schema->field(static_cast<int>(field))->type(), parsed.rows(), pool_)
                            : converters_->converters[field]->Convert(*parsed.parser, index);
    if (!values.ok()) return NotConverted(values.status(), static_cast<int>(field));
    columns.push_back(std::move(*values));
  }
  return arrow::RecordBatch::Make(columns_.schema, parsed.rows(), std::move(columns));
}

Status CsvRows::ConvertByHalves(std::string_view text, int64_t begin, Parsed parsed) {
  auto batch = Convert(parsed);
  if (batch.ok()) {
    ready_.push_back(std::move(*batch));
    return Status::OK();
  }
  if (!IsBadData(batch.status())) return batch.status();
  const int64_t rows = parsed.rows();
  if (rows == 1) {
    // Behind rows that were passed over already, and empty lines.
    const size_t row_begin = std::min(text.find_first_not_of("\r\n", parsed.ragged_end), text.size());
    bad_->AddRow(begin + static_cast<int64_t>(row_begin), batch.status());
    return Status::OK();
  }
  const int64_t first_row = parsed.first_row;
  parsed = {};
  ARROW_ASSIGN_OR_RAISE(Parsed first, Parse(text, /*is_last=*/true, static_cast<int32_t>(rows / 2), first_row, /*notes_ragged=*/false));
  const int64_t bytes = first.bytes;
  ARROW_RETURN_NOT_OK(ConvertByHalves(text.substr(0, static_cast<size_t>(bytes)), begin, std::move(first)));
  text.remove_prefix(static_cast<size_t>(bytes));
  ARROW_ASSIGN_OR_RAISE(Parsed second, Parse(text, /*is_last=*/true, static_cast<int32_t>(rows - rows / 2), first_row + rows / 2, /*notes_ragged=*/false));
  if (second.rows() == 0) return Status::OK();
  return ConvertByHalves(text, begin + bytes, std::move(second));
}

Result<size_t> CsvRows::PassLongLine(std::string_view* text, bool is_last) {
  if (options_.parse.newlines_in_values) return text->size();
  ARROW_ASSIGN_OR_RAISE(const size_t skipped, long_lines_.Skip(*text, begin_, is_last));
  text->remove_prefix(skipped);
  begin_ += static_cast<int64_t>(skipped);
  return long_lines_.goes_on() ? 0 : long_lines_.Before(*text);
}

Result<std::shared_ptr<arrow::RecordBatch>> CsvRows::Next(std::string_view text, bool is_last, int64_t* parsed) {
  const size_t given = text.size();
  while (ready_.empty() && !text.empty()) {
    ARROW_ASSIGN_OR_RAISE(const size_t next, PassLongLine(&text, is_last));
    if (next == 0) {
      if (text.empty() || long_lines_.goes_on()) break;
      continue;
    }
    const std::string_view lines = text.substr(0, next);
    ARROW_ASSIGN_OR_RAISE(Parsed rows, Parse(lines, is_last || next < text.size(), kBatchRows, rows_, /*notes_ragged=*/true));
    const int64_t bytes = rows.bytes;
    if (rows.rows() > 0) {
      rows_ += rows.rows();
      if (bad_ == nullptr) {
        ARROW_ASSIGN_OR_RAISE(auto batch, Convert(rows));
        ready_.push_back(std::move(batch));
      } else {
        ARROW_RETURN_NOT_OK(ConvertByHalves(lines.substr(0, static_cast<size_t>(bytes)), begin_, std::move(rows)));
        std::reverse(ready_.begin(), ready_.end());
      }
    }
    begin_ += bytes;
    text.remove_prefix(static_cast<size_t>(bytes));
    if (bytes == 0) break;
  }
  *parsed = static_cast<int64_t>(given - text.size());
  if (ready_.empty()) return nullptr;
  auto batch = std::move(ready_.back());
  ready_.pop_back();
  return batch;
}

Status CsvRows::Ragged(const std::string& row) const {
  return MakeError(ErrorKind::kCorruptData, where_ + ": " + row +
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
