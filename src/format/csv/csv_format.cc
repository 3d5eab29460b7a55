#include "format/csv/csv_format.h"

#include <algorithm>
#include <unordered_set>

#include "format/csv/csv_reader.h"
#include "format/csv/csv_types.h"
#include "format/limits.h"
#include "format/sampled_text.h"
#include "task/for_each.h"

namespace millstream {
namespace {

std::string Joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

Result<std::shared_ptr<const CsvFormat>> CsvFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, CsvOptions options,
                                                         Scheduler* scheduler, BadFiles* bad) {
  ARROW_RETURN_NOT_OK(options.Validate());
  std::shared_ptr<CsvFormat> format(new CsvFormat(std::move(env), std::move(files), std::move(options)));
  ARROW_RETURN_NOT_OK(format->ReadHeads(scheduler, bad));
  ARROW_ASSIGN_OR_RAISE(const auto names, format->Names());
  ARROW_RETURN_NOT_OK(format->FindTypes(names, scheduler, bad != nullptr));
  return format;
}

Status CsvFormat::ReadHeads(Scheduler* scheduler, BadFiles* bad) {
  heads_.resize(files_->size());
  return ForEachFile(scheduler, heads_.size(), bad, [&](size_t file) { return ReadCsvHead(*env_, (*files_)[file], options_).Value(&heads_[file]); });
}

Result<std::vector<std::string>> CsvFormat::Names() const {
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  for (const CsvHead& head : heads_) {
    for (const std::string& name : head.names) {
      if (seen.insert(name).second) names.push_back(name);
    }
  }
  if (names.empty()) return MakeError(ErrorKind::kInvalidArgument, "read_csv: all files are empty, so that there are no columns");
  if (static_cast<int64_t>(names.size()) > options_.limits.columns && options_.column_names.empty()) {
    return OverLimit("read_csv: the files have " + std::to_string(names.size()) + " columns together, more than " + std::to_string(options_.limits.columns), "columns");
  }
  const auto& wanted = options_.convert.include_columns;
  if (wanted.empty()) return names;
  for (const std::string& name : wanted) {
    if (seen.contains(name) || options_.convert.include_missing_columns) continue;
    return MakeError(ErrorKind::kUnknownColumn, "read_csv: no file has the column '" + name + "'; there are " + Joined(names) +
                                                    "; with include_missing_columns=True it is null");
  }
  return wanted;
}

Status CsvFormat::FindTypes(const std::vector<std::string>& names, Scheduler* scheduler, bool forgives) {
  std::vector<std::shared_ptr<arrow::Schema>> found(SamplesOf(*files_));
  SampleOptions sampling;
  sampling.reader = "read_csv";
  sampling.line_end = LineEnd::kAny;
  sampling.lines_begin = [this](uint32_t file) { return heads_[file].rows_begin; };
  sampling.forgives = forgives;
  sampling.limits = options_.limits;
  sampling.limits_lines = !options_.parse.newlines_in_values;
  sampling.cuttable = [this](uint32_t file) { return cuttable(file); };
  ARROW_ASSIGN_OR_RAISE(rows_guess_, SampleText(*env_, *files_, sampling, scheduler, [&](size_t sample, uint32_t file, std::string_view lines) {
    auto types = TypesOfCsvRows(lines, heads_[file].names, options_);
    // What is wrong with these rows is told, with its place, when they are read.
    if (types.ok()) found[sample] = std::move(*types);
    return Status::OK();
  }));
  arrow::FieldVector fields;
  for (const std::string& name : names) {
    std::shared_ptr<arrow::DataType> type = arrow::null();
    for (const auto& types : found) {
      const auto field = types == nullptr ? nullptr : types->GetFieldByName(name);
      if (field != nullptr) type = CommonCsvType(type, field->type());
    }
    const auto given = options_.convert.column_types.find(name);
    const bool is_given = given != options_.convert.column_types.end();
    if (is_given) type = given->second;
    // Text that is not UTF-8 is told where it is read, and the rest of its column is text.
    const bool is_text = !is_given && (type->id() == arrow::Type::NA || type->id() == arrow::Type::BINARY);
    fields.push_back(arrow::field(name, is_text ? arrow::utf8() : type));
  }
  SetSchema(arrow::schema(std::move(fields)));
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatchReader>> CsvFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const ListedFile& listed = (*files_)[range.file];
  const CsvHead& head = heads_[range.file];
  ARROW_ASSIGN_OR_RAISE(const auto converters, converters_->Get());
  const auto rows_from = [&](int64_t begin) {
    const std::string where = "file " + listed.path + (begin == head.rows_begin ? "" : ", from byte " + std::to_string(begin) + " on");
    return CsvRows({schema_, head.names}, converters, options_, listed.path, where, begin, pool, bad);
  };
  if (!cuttable(range.file)) {
    ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(*env_, listed, "read_csv", options_.limits, pool));
    return OpenCsvPieces(std::move(pieces), head.rows_begin, schema_, rows_from(head.rows_begin));
  }
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(*env_, listed, pool, "read_csv"));
  ARROW_ASSIGN_OR_RAISE(auto text, ReadRangeText(*file, listed, head.rows_begin, range, LineEnd::kAny, options_.limits.line_bytes));
  const int64_t begin = text.begin;
  return OpenCsvText(std::move(text), schema_, rows_from(begin));
}

Result<std::shared_ptr<const FileFormat>> CsvFormat::Select(const std::vector<std::string>& names) const {
  std::shared_ptr<CsvFormat> selected(new CsvFormat(*this));
  selected->SetSchema(FieldsOf(*schema_, names));
  return selected;
}

Status CsvFormat::Write(ByteWriter* out) const {
  // With the types that were found, and the columns: wherever it is read again it gives the same.
  CsvOptions all = options_;
  for (const auto& field : schema_->fields()) all.convert.column_types[field->name()] = field->type();
  all.convert.include_columns = schema_->field_names();
  all.convert.include_missing_columns = true;
  ARROW_RETURN_NOT_OK(all.Write(out));
  out->Number<int64_t>(rows_guess_);
  return Status::OK();
}

Result<std::shared_ptr<const CsvFormat>> CsvFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(auto options, CsvOptions::Read(in));
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  std::shared_ptr<CsvFormat> format(new CsvFormat(std::move(env), std::move(files), std::move(options)));
  ARROW_RETURN_NOT_OK(format->ReadHeads(nullptr, nullptr));
  arrow::FieldVector fields;
  for (const std::string& name : format->options_.convert.include_columns) {
    const auto type = format->options_.convert.column_types.find(name);
    if (type == format->options_.convert.column_types.end()) return in->Damaged();
    fields.push_back(arrow::field(name, type->second));
  }
  format->SetSchema(arrow::schema(std::move(fields)));
  format->rows_guess_ = std::max<int64_t>(rows, 0);
  return format;
}

}  // namespace millstream
