#include "format/csv/csv_head.h"

#include <arrow/csv/parser.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "format/file_text.h"

namespace millstream {
namespace {

constexpr int64_t kHeadBytes = 16 << 10;

Status NotText(const ListedFile& file, const std::string& why) {
  return MakeError(ErrorKind::kCorruptData, "file " + file.path + " is not a readable CSV file: " + why);
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
  ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(env, file, "read_csv", arrow::default_memory_pool(), kHeadBytes));
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
