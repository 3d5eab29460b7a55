#include "format/json/json_format.h"

#include <algorithm>
#include <iterator>

#include "format/json/json_reader.h"
#include "format/json/json_types.h"
#include "format/limits.h"
#include "format/long_lines.h"
#include "format/sampled_text.h"
#include "format/schema_bytes.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr int64_t kHeadBytes = 16 << 10;
constexpr const char* kName = "read_json";

/// What a sample has whole objects of, as lines.
Result<std::string> WholeObjects(std::string_view text, JsonLayout layout) {
  if (layout == JsonLayout::kLines) return std::string(text);
  std::string lines;
  size_t taken = 0;
  ARROW_RETURN_NOT_OK(JsonValues(layout).Split(text, &lines, &taken));
  return lines;
}

}  // namespace

Result<std::shared_ptr<const JsonFormat>> JsonFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, std::shared_ptr<arrow::Schema> given,
                                                           const ReadLimits& limits, Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<JsonFormat> format(new JsonFormat(std::move(env), std::move(files), limits));
  ARROW_RETURN_NOT_OK(format->FindLayouts(scheduler, bad));
  ARROW_RETURN_NOT_OK(format->FindTypes(given, scheduler, bad != nullptr));
  return format;
}

Status JsonFormat::FindLayouts(Scheduler* scheduler, BadFiles* bad) {
  layouts_.resize(files_->size());
  marks_.resize(files_->size());
  return ForEachFile(scheduler, layouts_.size(), bad, [&](size_t file) -> Status {
    const ListedFile& listed = (*files_)[file];
    if (listed.size_bytes == 0) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(*env_, listed, kName, limits_, arrow::default_memory_pool(), kHeadBytes));
    ARROW_RETURN_NOT_OK(pieces.Grow());
    layouts_[file] = LayoutOf(pieces.text(), pieces.at_end());
    if (pieces.text().starts_with(kUtf8Mark)) marks_[file] = static_cast<int64_t>(kUtf8Mark.size());
    return Status::OK();
  });
}

Status JsonFormat::FindTypes(const std::shared_ptr<arrow::Schema>& given, Scheduler* scheduler, bool forgives) {
  std::vector<std::shared_ptr<arrow::Schema>> found(SamplesOf(*files_));
  std::vector<Status> failed(found.size());
  SampleOptions sampling;
  sampling.reader = kName;
  sampling.lines_begin = [this](uint32_t file) { return marks_[file]; };
  sampling.forgives = forgives;
  sampling.limits = limits_;
  sampling.cuttable = [this](uint32_t file) { return cuttable(file); };
  sampling.has_lines = [this](uint32_t file) { return layouts_[file] == JsonLayout::kLines; };
  ARROW_ASSIGN_OR_RAISE(rows_guess_, SampleText(*env_, *files_, sampling, scheduler, [&](size_t sample, uint32_t file, std::string_view text) -> Status {
    // What is wrong with these rows is told, with its place, when they are read; but where there are no others.
    const std::string where = "file " + (*files_)[file].path;
    const auto lines = WholeObjects(text, layouts_[file]);
    failed[sample] = lines.ok() ? Status::OK() : WithContext(lines.status(), where);
    if (!lines.ok()) return Status::OK();
    const auto objects = arrow::Buffer::FromString(*lines);
    const JsonColumns untold = {.limits = limits_};
    const auto rows = ParseJson(objects, untold, where);
    failed[sample] = rows.status();
    if (rows.ok() && *rows != nullptr) found[sample] = (*rows)->schema();
    if (rows.ok() || !forgives) return Status::OK();
    BadParts passed_over({});
    ARROW_ASSIGN_OR_RAISE(const auto good, ParseGoodLines(objects, 0, untold, where, &passed_over));
    arrow::FieldVector of_good;
    for (const auto& batch : good) {
      auto common = CommonJsonFields("", of_good, batch->schema()->fields());
      if (common.ok()) of_good = std::move(*common);
    }
    if (!of_good.empty()) found[sample] = arrow::schema(std::move(of_good));
    return Status::OK();
  }));
  arrow::FieldVector fields;
  for (const auto& types : found) {
    if (types != nullptr) ARROW_RETURN_NOT_OK(CommonJsonFields("", std::move(fields), types->fields()).Value(&fields));
  }
  if (given != nullptr) {
    for (const auto& field : given->fields()) {
      const auto same = std::find_if(fields.begin(), fields.end(), [&](const auto& known) { return known->name() == field->name(); });
      if (same == fields.end()) fields.push_back(field);
      else *same = field;
    }
  }
  for (const Status& status : failed) {
    if (fields.empty()) ARROW_RETURN_NOT_OK(status);
  }
  if (fields.empty()) return MakeError(ErrorKind::kInvalidArgument, "read_json: no file has an object to tell the columns from; name other files, or leave them out");
  schema_ = arrow::schema(std::move(fields));
  return CheckSchema(*schema_, limits_, "read_json");
}

Result<std::shared_ptr<arrow::RecordBatchReader>> JsonFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const ListedFile& listed = (*files_)[range.file];
  const JsonColumns columns = {schema_, selects_, parsers_, limits_};
  if (!cuttable(range.file)) {
    ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(*env_, listed, kName, limits_, pool));
    return OpenJsonPieces(std::move(pieces), marks_[range.file], layouts_[range.file], columns, listed.path, bad);
  }
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(*env_, listed, pool, kName));
  ARROW_ASSIGN_OR_RAISE(const auto text, ReadRangeText(*file, listed, marks_[range.file], range, LineEnd::kLineFeed, limits_.line_bytes));
  arrow::RecordBatchVector batches;
  LongLines long_lines(listed.path, LineEnd::kLineFeed, limits_.line_bytes, bad);
  ARROW_RETURN_NOT_OK(long_lines.Each(text.text, text.begin, /*is_last=*/true, [&](std::string_view lines, int64_t begin) -> Status {
    const std::string where = "file " + listed.path + (begin == marks_[range.file] ? "" : ", from byte " + std::to_string(begin) + " on");
    const int64_t offset = reinterpret_cast<const uint8_t*>(lines.data()) - text.buffer->data();
    ARROW_ASSIGN_OR_RAISE(auto rows, ParseGoodLines(arrow::SliceBuffer(text.buffer, offset, static_cast<int64_t>(lines.size())), begin, columns, where, bad));
    std::move(rows.begin(), rows.end(), std::back_inserter(batches));
    return Status::OK();
  }).status());
  return arrow::RecordBatchReader::Make(std::move(batches), schema_);
}

Result<std::shared_ptr<const FileFormat>> JsonFormat::Select(const std::vector<std::string>& names) const {
  std::shared_ptr<JsonFormat> selected(new JsonFormat(*this));
  selected->schema_ = FieldsOf(*schema_, names);
  selected->selects_ = true;
  return selected;
}

Status JsonFormat::Write(ByteWriter* out) const {
  ARROW_RETURN_NOT_OK(WriteSchema(*schema_, out));
  WriteLimits(limits_, out);
  out->Number<int64_t>(rows_guess_);
  return Status::OK();
}

Result<std::shared_ptr<const JsonFormat>> JsonFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(auto schema, ReadSchema(in));
  ReadLimits limits;
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &limits));
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  std::shared_ptr<JsonFormat> format(new JsonFormat(std::move(env), std::move(files), limits));
  ARROW_RETURN_NOT_OK(format->FindLayouts(nullptr, nullptr));
  format->schema_ = std::move(schema);
  format->rows_guess_ = std::max<int64_t>(rows, 0);
  return format;
}

}  // namespace millstream
