#include "format/csv/csv_head.h"

#include <arrow/csv/parser.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "format/file_text.h"
#include "format/limits.h"
#include "format/long_lines.h"

namespace millstream {
namespace {

constexpr int64_t kHeadBytes = 16 << 10;

Status NotText(const ListedFile& file, const std::string& why) {
  return MakeError(ErrorKind::kCorruptData, "file " + file.path + " is not a readable CSV file: " + why);
}

/// Behind the value that begins at `at`, before what ends it.
size_t ValueBehind(std::string_view text, size_t at, const arrow::csv::ParseOptions& parse) {
  bool in_quotes = parse.quoting && at < text.size() && text[at] == parse.quote_char;
  for (at += in_quotes; at < text.size(); ++at) {
    const char letter = text[at];
    if (parse.escaping && letter == parse.escape_char) {
      ++at;
    } else if (in_quotes && letter == parse.quote_char) {
      const bool is_doubled = parse.double_quote && at + 1 < text.size() && text[at + 1] == parse.quote_char;
      in_quotes = is_doubled;
      at += is_doubled;
    } else if (!in_quotes && (letter == parse.delimiter || letter == '\n' || letter == '\r')) {
      return at;
    }
  }
  return text.size();
}

/// Whether the first row has more values than that. The library holds each.
bool HasMoreValues(std::string_view text, int64_t values_max, const arrow::csv::ParseOptions& parse) {
  if (std::count(text.begin(), text.end(), parse.delimiter) < values_max) return false;
  size_t at = parse.ignore_empty_lines ? text.find_first_not_of("\r\n") : 0;
  for (; values_max > 0; --values_max) {
    at = at < text.size() ? ValueBehind(text, at, parse) : text.size();
    if (at == text.size() || text[at] != parse.delimiter) return false;
    ++at;
  }
  return true;
}

/// Reads the names from the first bytes of the file. Nothing where they go on behind these.
class HeadParser {
 public:
  HeadParser(const ListedFile& file, const CsvOptions& options, std::string_view text, bool is_whole)
      : file_(file), options_(options), text_(text), is_whole_(is_whole) {}

  Result<std::optional<CsvHead>> Parse() {
    if (text_.starts_with("\xff\xfe") || text_.starts_with("\xfe\xff")) return NotText(file_, "it is UTF-16; write it as UTF-8");
    if (text_.starts_with(kUtf8Mark)) at_ = kUtf8Mark.size();
    if (!Skip(options_.skip_rows)) return std::nullopt;
    if (options_.column_names.empty()) {
      ARROW_ASSIGN_OR_RAISE(const bool found, ParseNames());
      if (!found) return std::nullopt;
    } else {
      head_.names = options_.column_names;
    }
    if (!Skip(options_.skip_rows_after_names)) return std::nullopt;
    head_.rows_begin = static_cast<int64_t>(at_);
    return head_;
  }

 private:
  bool Skip(int32_t rows) {
    for (; rows > 0 && at_ < text_.size(); --rows) {
      const size_t behind = LineBehind(text_, at_, LineEnd::kAny);
      if (behind == std::string_view::npos && !is_whole_) return false;
      at_ = std::min(behind, text_.size());
    }
    return rows == 0 || is_whole_;
  }

  Result<bool> ParseNames() {
    const std::string_view rest = text_.substr(at_);
    const ReadLimits& limits = options_.limits;
    if (HasMoreValues(rest, limits.columns, options_.parse)) return OverLimit("file " + file_.path + " has more than " + std::to_string(limits.columns) + " columns", "columns");
    arrow::csv::BlockParser parser(options_.parse, /*num_cols=*/-1, /*first_row=*/-1, /*max_num_rows=*/1);
    uint32_t parsed = 0;
    const Status status = is_whole_ ? parser.ParseFinal(rest, &parsed) : parser.Parse(rest, &parsed);
    // A row that goes on is an error to the library.
    if (!is_whole_ && (!status.ok() || parser.num_rows() == 0)) return false;
    if (!status.ok()) return NotText(file_, status.message());
    if (parser.num_rows() == 0) {
      return NotText(file_, "it has no row of column names; leave it out, or name its columns: read_options=pyarrow.csv.ReadOptions(column_names=[...])");
    }
    if (options_.autogenerate_column_names) {
      for (int column = 0; column < parser.num_cols(); ++column) head_.names.push_back("f" + std::to_string(column));
      return true;  // that row is one of data
    }
    const size_t long_line = LongLine(rest.substr(0, parsed), limits.line_bytes, LineEnd::kAny);
    if (long_line != std::string_view::npos) return TooLong(file_.path, static_cast<int64_t>(at_ + long_line), limits.line_bytes);
    ARROW_RETURN_NOT_OK(parser.VisitLastRow([&](const uint8_t* data, uint32_t size, bool, bool) -> Status {
      head_.names.emplace_back(reinterpret_cast<const char*>(data), size);
      return Status::OK();
    }));
    at_ += parsed;
    return true;
  }

  const ListedFile& file_;
  const CsvOptions& options_;
  const std::string_view text_;
  const bool is_whole_;
  size_t at_ = 0;
  CsvHead head_;
};

Status CheckNames(const ListedFile& file, const std::vector<std::string>& names) {
  std::unordered_set<std::string> seen;
  for (const std::string& name : names) {
    if (!arrow::util::ValidateUTF8(name)) return NotText(file, "the name of a column is not UTF-8; write it as UTF-8");
    if (!seen.insert(name).second) {
      return MakeError(ErrorKind::kInvalidArgument, "file " + file.path + " has two columns '" + name +
                                                        "'; name its columns: read_options=pyarrow.csv.ReadOptions(column_names=[...], skip_rows=1)");
    }
  }
  return Status::OK();
}

}  // namespace

Result<CsvHead> ReadCsvHead(Env& env, const ListedFile& file, const CsvOptions& options) {
  if (file.size_bytes == 0) return CsvHead{};
  arrow::util::InitializeUTF8();
  // The lines that are skipped are held with the names.
  ReadLimits limits = options.limits;
  limits.line_bytes *= 1 + int64_t{options.skip_rows} + options.skip_rows_after_names;
  ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(env, file, "read_csv", limits, arrow::default_memory_pool(), kHeadBytes));
  for (;;) {
    ARROW_RETURN_NOT_OK(pieces.Grow());
    if (pieces.at_end() && pieces.text().empty()) return CsvHead{};
    ARROW_ASSIGN_OR_RAISE(auto head, HeadParser(file, options, pieces.text(), pieces.at_end()).Parse());
    if (!head.has_value()) continue;
    ARROW_RETURN_NOT_OK(CheckNames(file, head->names));
    return std::move(*head);
  }
}

}  // namespace millstream
