#include "format/json/json_reader.h"

#include <arrow/json/options.h>
#include <arrow/json/reader.h>

#include <algorithm>

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

class PieceReader : public arrow::RecordBatchReader {
 public:
  PieceReader(TextPieces pieces, int64_t text_begin, JsonLayout layout, JsonColumns columns, std::string path)
      : pieces_(std::move(pieces)), text_begin_(text_begin), layout_(layout), values_(layout), columns_(std::move(columns)), path_(std::move(path)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return columns_.schema; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    while (*out == nullptr && !pieces_.at_end()) {
      ARROW_RETURN_NOT_OK(pieces_.Grow());
      if (pieces_.begin() < text_begin_) pieces_.Take(std::min(pieces_.text().size(), static_cast<size_t>(text_begin_ - pieces_.begin())));
      const std::string where = "file " + path_ + (pieces_.begin() <= text_begin_ ? "" : ", from byte " + std::to_string(pieces_.begin()) + " on");
      size_t taken = 0;
      std::string lines;
      if (layout_ == JsonLayout::kLines) {
        taken = pieces_.at_end() ? pieces_.text().size() : LastLineBehind(pieces_.text(), LineEnd::kLineFeed);
        lines = pieces_.text().substr(0, taken);
      } else {
        ARROW_RETURN_NOT_OK(WithContext(values_.Split(pieces_.text(), &lines, &taken), where));
      }
      pieces_.Take(taken);
      if (pieces_.at_end() && layout_ != JsonLayout::kLines) ARROW_RETURN_NOT_OK(WithContext(values_.Finish(pieces_.text()), "file " + path_));
      ARROW_RETURN_NOT_OK(ParseJson(arrow::Buffer::FromString(std::move(lines)), columns_, where).Value(out));
    }
    return Status::OK();
  }

 private:
  TextPieces pieces_;
  const int64_t text_begin_;
  const JsonLayout layout_;
  JsonValues values_;
  const JsonColumns columns_;
  const std::string path_;
};

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> ParseJson(std::shared_ptr<arrow::Buffer> text, const JsonColumns& columns, const std::string& where) {
  using arrow::json::UnexpectedFieldBehavior;
  const auto& schema = columns.schema;
  const bool empty = std::string_view(*text).find_first_not_of(kSpace) == std::string_view::npos;
  if (empty) return nullptr;
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

std::unique_ptr<arrow::RecordBatchReader> OpenJsonPieces(TextPieces pieces, int64_t text_begin, JsonLayout layout, JsonColumns columns, std::string path) {
  return std::make_unique<PieceReader>(std::move(pieces), text_begin, layout, std::move(columns), std::move(path));
}

}  // namespace millstream
