#include "format/json/json_reader.h"

#include <arrow/json/options.h>
#include <arrow/json/reader.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <iterator>

#include "format/json/json_shape.h"
#include "format/long_lines.h"

namespace millstream {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The names of fields that the schema does not have, with what they are in.
void AddUnknown(const std::string& prefix, const arrow::FieldVector& known, const arrow::FieldVector& found, std::string* names) {
  for (const auto& field : found) {
    const auto same = std::find_if(known.begin(), known.end(), [&](const auto& other) { return other->name() == field->name(); });
    const std::string name = prefix + field->name();
    if (same == known.end()) {
      *names += (names->empty() ? "'" : ", '") + name + "'";
      continue;
    }
    std::shared_ptr<arrow::DataType> known_type = (*same)->type(), found_type = field->type();
    while (known_type->id() == arrow::Type::LIST && found_type->id() == arrow::Type::LIST) {
      known_type = known_type->field(0)->type();
      found_type = found_type->field(0)->type();
    }
    if (known_type->id() == arrow::Type::STRUCT && found_type->id() == arrow::Type::STRUCT) AddUnknown(name + ".", known_type->fields(), found_type->fields(), names);
  }
}

/// Where the text has columns that the schema does not have, their names.
std::string UnknownColumns(const std::shared_ptr<arrow::Buffer>& text, const std::shared_ptr<arrow::Schema>& schema) {
  auto options = arrow::json::ParseOptions::Defaults();
  options.explicit_schema = schema;
  const auto parsed = arrow::json::ParseOne(options, text);
  std::string names;
  if (parsed.ok()) AddUnknown("", schema->fields(), (*parsed)->schema()->fields(), &names);
  return names;
}

/// Whether there is a null that is in no object.
bool HasNullOutside(std::string_view text) {
  int64_t depth = 0;
  bool in_quotes = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (in_quotes) {
      at += letter == '\\';
      in_quotes = letter != '"';
    } else if (letter == '"') {
      in_quotes = true;
    } else if (letter == '{' || letter == '[') {
      ++depth;
    } else if (letter == '}' || letter == ']') {
      depth = std::max<int64_t>(depth - 1, 0);
    } else if (letter == 'n' && depth == 0) {
      return true;
    }
  }
  return false;
}

/// The library takes bytes that are not UTF-8 as text, does not survive a null where the first object should be, and makes columns of whatever there is.
Status CheckForLibrary(std::string_view text, const ReadLimits& limits, const std::string& where) {
  ARROW_RETURN_NOT_OK(WithContext(CheckJsonShape(text, limits), where));
  arrow::util::InitializeUTF8();
  if (!arrow::util::ValidateUTF8(reinterpret_cast<const uint8_t*>(text.data()), static_cast<int64_t>(text.size()))) {
    return MakeError(ErrorKind::kCorruptData, where + ": JSON parse error: it is not UTF-8; write it as UTF-8");
  }
  if (HasNullOutside(text)) return MakeError(ErrorKind::kCorruptData, where + ": JSON parse error: a null where an object should be; leave it out");
  return Status::OK();
}

class PieceReader : public arrow::RecordBatchReader {
 public:
  PieceReader(TextPieces pieces, int64_t text_begin, JsonLayout layout, JsonColumns columns, std::string path, BadParts* bad)
      : pieces_(std::move(pieces)), text_begin_(text_begin), layout_(layout), values_(layout), columns_(std::move(columns)), path_(std::move(path)),
        long_lines_(path_, LineEnd::kLineFeed, columns_.limits.line_bytes, bad), bad_(bad) {}
  std::shared_ptr<arrow::Schema> schema() const override { return columns_.schema; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    while (ready_.empty() && !pieces_.at_end()) {
      ARROW_RETURN_NOT_OK(pieces_.Grow());
      if (pieces_.begin() < text_begin_) pieces_.Take(std::min(pieces_.text().size(), static_cast<size_t>(text_begin_ - pieces_.begin())));
      ARROW_ASSIGN_OR_RAISE(const size_t taken, layout_ == JsonLayout::kLines ? AddLines(pieces_.text(), pieces_.begin(), pieces_.at_end()) : AddValues());
      pieces_.Take(taken);
      if (pieces_.at_end() && layout_ != JsonLayout::kLines) ARROW_RETURN_NOT_OK(WithContext(values_.Finish(pieces_.text()), "file " + path_));
      std::reverse(ready_.begin(), ready_.end());
    }
    if (ready_.empty()) return Status::OK();
    *out = std::move(ready_.back());
    ready_.pop_back();
    return Status::OK();
  }

 private:
  std::string Where() const { return "file " + path_ + (pieces_.begin() <= text_begin_ ? "" : ", from byte " + std::to_string(pieces_.begin()) + " on"); }
  /// How many bytes of the text need not come again.
  Result<size_t> AddLines(std::string_view text, int64_t begin, bool is_last) {
    const std::string where = Where();
    return long_lines_.Each(text, begin, is_last, [&](std::string_view lines, int64_t lines_begin) -> Status {
      ARROW_ASSIGN_OR_RAISE(auto batches, ParseGoodLines(arrow::Buffer::FromString(std::string(lines)), lines_begin, columns_, where, bad_));
      std::move(batches.begin(), batches.end(), std::back_inserter(ready_));
      return Status::OK();
    });
  }
  /// The same of values, which are lines of their own here, and not in the file.
  Result<size_t> AddValues() {
    std::string lines;
    size_t taken = 0;
    ARROW_RETURN_NOT_OK(WithContext(values_.Split(pieces_.text(), &lines, &taken), Where()));
    ARROW_RETURN_NOT_OK(AddLines(lines, /*begin=*/-1, /*is_last=*/true).status());
    return taken;
  }

  TextPieces pieces_;
  const int64_t text_begin_;
  const JsonLayout layout_;
  JsonValues values_;
  const JsonColumns columns_;
  const std::string path_;
  LongLines long_lines_;
  BadParts* const bad_;
  arrow::RecordBatchVector ready_;  // the last one first
};

/// As ParseGoodLines, of a part of the text.
Status AddGoodLines(const std::shared_ptr<arrow::Buffer>& text, int64_t begin, const JsonColumns& columns, const std::string& where, BadParts* bad, arrow::RecordBatchVector* out) {
  auto rows = ParseJson(text, columns, where);
  if (rows.ok()) {
    if (*rows != nullptr) out->push_back(std::move(*rows));
    return Status::OK();
  }
  if (bad == nullptr || !IsBadData(rows.status())) return rows.status();
  const std::string_view lines(*text);
  size_t middle = lines.find('\n', lines.size() / 2);
  if (middle == std::string_view::npos || middle + 1 == lines.size()) middle = lines.substr(0, lines.size() / 2).rfind('\n');
  if (middle == std::string_view::npos) {
    bad->AddRow(begin, rows.status());
    return Status::OK();
  }
  const auto cut = static_cast<int64_t>(middle) + 1;
  ARROW_RETURN_NOT_OK(AddGoodLines(arrow::SliceBuffer(text, 0, cut), begin, columns, where, bad, out));
  return AddGoodLines(arrow::SliceBuffer(text, cut), begin < 0 ? begin : begin + cut, columns, where, bad, out);
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> ParseJson(std::shared_ptr<arrow::Buffer> text, const JsonColumns& columns, const std::string& where) {
  using arrow::json::UnexpectedFieldBehavior;
  const auto& schema = columns.schema;
  const bool empty = std::string_view(*text).find_first_not_of(kSpace) == std::string_view::npos;
  if (empty) return nullptr;
  if (columns.parsers != nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto rows, columns.parsers->Parse(std::string_view(*text), columns, arrow::default_memory_pool()));
    if (rows != nullptr) return rows;
  }
  ARROW_RETURN_NOT_OK(CheckForLibrary(std::string_view(*text), columns.limits, where));
  auto options = arrow::json::ParseOptions::Defaults();
  options.explicit_schema = schema;
  if (schema != nullptr) options.unexpected_field_behavior = columns.ignores_others ? UnexpectedFieldBehavior::Ignore : UnexpectedFieldBehavior::Error;
  auto parsed = arrow::json::ParseOne(options, text);
  if (parsed.ok()) return parsed;
  const Status& status = parsed.status();
  if (status.IsOutOfMemory()) return WithContext(status, where);
  std::string message = where + ": " + status.message();
  if (schema != nullptr) {
    const std::string unknown = UnknownColumns(text, schema);
    if (!unknown.empty()) message += ": " + unknown;
    message += "; columns and types were told from a part of the rows: give those that differ with parse_options=pyarrow.json.ParseOptions(explicit_schema=pyarrow.schema("
               "[...]))";
  }
  return MakeError(ErrorKind::kCorruptData, std::move(message));
}

Result<arrow::RecordBatchVector> ParseGoodLines(const std::shared_ptr<arrow::Buffer>& text, int64_t begin, const JsonColumns& columns, const std::string& where, BadParts* bad) {
  arrow::RecordBatchVector batches;
  ARROW_RETURN_NOT_OK(AddGoodLines(text, begin, columns, where, bad, &batches));
  return batches;
}

std::unique_ptr<arrow::RecordBatchReader> OpenJsonPieces(TextPieces pieces, int64_t text_begin, JsonLayout layout, JsonColumns columns, std::string path, BadParts* bad) {
  return std::make_unique<PieceReader>(std::move(pieces), text_begin, layout, std::move(columns), std::move(path), bad);
}

}  // namespace millstream
