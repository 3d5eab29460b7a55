#include "format/csv/csv_format.h"

#include <algorithm>
#include <unordered_set>

#include "format/csv/csv_reader.h"
#include "format/csv/csv_types.h"
#include "task/for_each.h"

namespace millstream {
namespace {

/// Parts of the files that types are told from: the first rows of some, and as many bytes of all.
constexpr size_t kFilesSampled = 64;
constexpr int64_t kFirstBytes = 64 << 10;
constexpr int64_t kSamples = 16;
constexpr int64_t kSampleBytes = 256 << 10;

/// Each evenly spread, over the files and over their bytes.
std::vector<FileRange> SampledRanges(const std::vector<ListedFile>& files) {
  std::vector<FileRange> ranges;
  const size_t sampled = std::min(files.size(), kFilesSampled);
  for (size_t i = 0; i < sampled; ++i) {
    const auto file = static_cast<uint32_t>(i * files.size() / sampled);
    ranges.push_back({file, 0, std::min(kFirstBytes, files[file].size_bytes)});
  }
  int64_t total = 0;
  for (const ListedFile& file : files) total += file.size_bytes;
  const int64_t step = std::max(total / kSamples, kSampleBytes);
  int64_t before = 0;
  for (uint32_t file = 0; file < files.size(); ++file) {
    const int64_t size = files[file].size_bytes;
    for (int64_t at = (before + step - 1) / step * step; at < before + size; at += step) {
      const int64_t begin = at - before;
      ranges.push_back({file, begin, std::min(begin + kSampleBytes, size)});
    }
    before += size;
  }
  return ranges;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

Result<std::shared_ptr<const CsvFormat>> CsvFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, CsvOptions options,
                                                         Scheduler* scheduler) {
  ARROW_RETURN_NOT_OK(options.Validate());
  std::shared_ptr<CsvFormat> format(new CsvFormat(std::move(env), std::move(files), std::move(options)));
  ARROW_RETURN_NOT_OK(format->ReadHeads(scheduler));
  ARROW_ASSIGN_OR_RAISE(const auto names, format->Names());
  ARROW_RETURN_NOT_OK(format->FindTypes(names, scheduler));
  return format;
}

Status CsvFormat::ReadHeads(Scheduler* scheduler) {
  heads_.resize(files_->size());
  return ForEach(scheduler, static_cast<int64_t>(heads_.size()),
                 [&](int64_t file) { return ReadCsvHead(*env_, (*files_)[static_cast<size_t>(file)], options_).Value(&heads_[static_cast<size_t>(file)]); });
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
  const auto& wanted = options_.convert.include_columns;
  if (wanted.empty()) return names;
  for (const std::string& name : wanted) {
    if (seen.contains(name) || options_.convert.include_missing_columns) continue;
    return MakeError(ErrorKind::kUnknownColumn, "read_csv: no file has the column '" + name + "'; there are " + Joined(names) +
                                                    "; with include_missing_columns=True it is null");
  }
  return wanted;
}

Status CsvFormat::FindTypes(const std::vector<std::string>& names, Scheduler* scheduler) {
  const auto ranges = SampledRanges(*files_);
  std::vector<std::shared_ptr<arrow::Schema>> found(ranges.size());
  std::vector<int64_t> sampled_bytes(ranges.size()), lines(ranges.size());
  ARROW_RETURN_NOT_OK(ForEach(scheduler, static_cast<int64_t>(ranges.size()), [&](int64_t sample) -> Status {
    const auto at = static_cast<size_t>(sample);
    const FileRange& range = ranges[at];
    const ListedFile& listed = (*files_)[range.file];
    // Within a quoted value no row begins, and only a file's parser knows.
    if (!cuttable(range.file) && range.begin > 0) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*env_, listed, arrow::default_memory_pool(), "read_csv"));
    ARROW_ASSIGN_OR_RAISE(const auto text, ReadCsvText(*file, listed, heads_[range.file], range));
    if (text.rows.empty()) return Status::OK();
    sampled_bytes[at] = static_cast<int64_t>(text.rows.size());
    lines[at] = std::count(text.rows.begin(), text.rows.end(), '\n');
    auto types = TypesOfCsvRows(text.rows, heads_[range.file].names, options_);
    // What is wrong with these rows is told, with its place, when they are read.
    if (types.ok()) found[at] = std::move(*types);
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
    if (given != options_.convert.column_types.end()) type = given->second;
    // Text that is not UTF-8 is told where it is read, and the rest of its column is text.
    const bool is_text = given == options_.convert.column_types.end() && (type->id() == arrow::Type::NA || type->id() == arrow::Type::BINARY);
    fields.push_back(arrow::field(name, is_text ? arrow::utf8() : type));
  }
  schema_ = arrow::schema(std::move(fields));
  int64_t total = 0, sampled = 0, rows = 0;
  for (const ListedFile& file : *files_) total += file.size_bytes;
  for (size_t at = 0; at < ranges.size(); ++at) sampled += sampled_bytes[at], rows += lines[at];
  rows_guess_ = sampled == 0 ? 0 : static_cast<int64_t>(static_cast<double>(total) * static_cast<double>(std::max<int64_t>(rows, 1)) / static_cast<double>(sampled));
  return Status::OK();
}

Result<std::unique_ptr<arrow::RecordBatchReader>> CsvFormat::Read(const FileRange& range, arrow::MemoryPool* pool) const {
  const ListedFile& listed = (*files_)[range.file];
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(*env_, listed, pool, "read_csv"));
  return OpenCsvRange(std::move(file), listed, heads_[range.file], range, schema_, options_, pool);
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
  ARROW_RETURN_NOT_OK(format->ReadHeads(nullptr));
  arrow::FieldVector fields;
  for (const std::string& name : format->options_.convert.include_columns) {
    const auto type = format->options_.convert.column_types.find(name);
    if (type == format->options_.convert.column_types.end()) return in->Damaged();
    fields.push_back(arrow::field(name, type->second));
  }
  format->schema_ = arrow::schema(std::move(fields));
  format->rows_guess_ = std::max<int64_t>(rows, 0);
  return format;
}

}  // namespace millstream
