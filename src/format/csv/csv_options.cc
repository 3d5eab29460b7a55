#include "format/csv/csv_options.h"

#include <arrow/type.h>
#include <arrow/util/value_parsing.h>

#include <algorithm>

#include "base/byte_names.h"
#include "format/limits.h"
#include "format/schema_bytes.h"

namespace millstream {
namespace {

/// Every flag, in one order for writing and reading.
std::vector<bool*> Flags(CsvOptions& options) {
  return {&options.autogenerate_column_names,
          &options.parse.quoting,
          &options.parse.double_quote,
          &options.parse.escaping,
          &options.parse.newlines_in_values,
          &options.parse.ignore_empty_lines,
          &options.convert.check_utf8,
          &options.convert.strings_can_be_null,
          &options.convert.quoted_strings_can_be_null,
          &options.convert.include_missing_columns};
}

std::vector<char*> Characters(CsvOptions& options) {
  return {&options.parse.delimiter, &options.parse.quote_char, &options.parse.escape_char, &options.convert.decimal_point};
}

std::vector<std::vector<std::string>*> Texts(CsvOptions& options) {
  return {&options.column_names,          &options.timestamp_formats,   &options.convert.null_values,
          &options.convert.true_values,   &options.convert.false_values, &options.convert.include_columns};
}

}  // namespace

Status CsvOptions::Validate() const {
  const auto named = [](const Status& status) { return status.ok() ? status : MakeError(ErrorKind::kInvalidArgument, "read_csv: " + status.message()); };
  ARROW_RETURN_NOT_OK(named(parse.Validate()));
  ARROW_RETURN_NOT_OK(named(convert.Validate()));
  if (skip_rows < 0 || skip_rows_after_names < 0) return MakeError(ErrorKind::kInvalidArgument, "read_csv: skip_rows and skip_rows_after_names cannot be negative");
  if (autogenerate_column_names && !column_names.empty()) {
    return MakeError(ErrorKind::kInvalidArgument, "read_csv: autogenerate_column_names cannot be with column_names; leave one of them out");
  }
  return Status::OK();
}

arrow::csv::ConvertOptions CsvOptions::Convert() const {
  arrow::csv::ConvertOptions with = convert;
  for (const std::string& format : timestamp_formats) {
    with.timestamp_parsers.push_back(format == kIso8601 ? arrow::TimestampParser::MakeISO8601() : arrow::TimestampParser::MakeStrptime(format));
  }
  return with;
}

Status CsvOptions::Write(ByteWriter* out) const {
  CsvOptions copy = *this;
  for (const bool* flag : Flags(copy)) out->Number<uint8_t>(*flag);
  for (const char* character : Characters(copy)) out->Number<char>(*character);
  for (const auto* texts : Texts(copy)) WriteNames(*texts, out);
  out->Number<int32_t>(skip_rows);
  out->Number<int32_t>(skip_rows_after_names);
  WriteLimits(limits, out);
  arrow::FieldVector types;
  for (const auto& [name, type] : convert.column_types) types.push_back(arrow::field(name, type));
  std::sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a->name() < b->name(); });
  return WriteSchema(*arrow::schema(std::move(types)), out);
}

Result<CsvOptions> CsvOptions::Read(ByteReader* in) {
  CsvOptions options;
  for (bool* flag : Flags(options)) {
    ARROW_ASSIGN_OR_RAISE(const auto value, in->Number<uint8_t>());
    *flag = value != 0;
  }
  for (char* character : Characters(options)) ARROW_RETURN_NOT_OK(in->Number<char>().Value(character));
  for (auto* texts : Texts(options)) ARROW_RETURN_NOT_OK(ReadNames(in).Value(texts));
  ARROW_RETURN_NOT_OK(in->Number<int32_t>().Value(&options.skip_rows));
  ARROW_RETURN_NOT_OK(in->Number<int32_t>().Value(&options.skip_rows_after_names));
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &options.limits));
  ARROW_ASSIGN_OR_RAISE(const auto types, ReadSchema(in));
  for (const auto& field : types->fields()) options.convert.column_types[field->name()] = field->type();
  ARROW_RETURN_NOT_OK(options.Validate());
  return options;
}

}  // namespace millstream
