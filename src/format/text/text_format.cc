#include "format/text/text_format.h"

#include <arrow/array/builder_binary.h>
#include <arrow/util/utf8.h>

#include <algorithm>

#include "format/limits.h"
#include "format/long_lines.h"
#include "format/sampled_text.h"

namespace millstream {
namespace {

constexpr const char* kName = "read_text";

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

/// The column of some lines.
class Lines {
 public:
  Lines(const ListedFile& listed, const TextOptions& options, std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool, BadParts* bad)
      : listed_(listed), options_(options), schema_(std::move(schema)), pool_(pool), bad_(bad) {}

  /// The columns of the lines that are not too long; how many bytes of the text need not come again.
  Result<size_t> AddEach(std::string_view text, int64_t begin, bool is_last, LongLines* long_lines, arrow::RecordBatchVector* out) const {
    return long_lines->Each(text, begin, is_last, [&](std::string_view lines, int64_t lines_begin) -> Status {
      ARROW_ASSIGN_OR_RAISE(auto rows, Make(lines, lines_begin));
      if (rows != nullptr) out->push_back(std::move(rows));
      return Status::OK();
    });
  }

 private:
  /// Null where there is none. `begin`: of the text, in the file.
  Result<std::shared_ptr<arrow::RecordBatch>> Make(std::string_view text, int64_t begin) const {
    arrow::StringBuilder lines(pool_);
    ARROW_RETURN_NOT_OK(lines.ReserveData(static_cast<int64_t>(text.size())));
    if (begin == 0 && text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size()), begin += static_cast<int64_t>(kUtf8Mark.size());
    const bool valid = arrow::util::ValidateUTF8(reinterpret_cast<const uint8_t*>(text.data()), static_cast<int64_t>(text.size()));
    for (size_t at = 0; at < text.size();) {
      const size_t behind = std::min(LineBehind(text, at, LineEnd::kLineFeed), text.size());
      std::string_view line = text.substr(at, behind - at);
      if (!valid && !arrow::util::ValidateUTF8(reinterpret_cast<const uint8_t*>(line.data()), static_cast<int64_t>(line.size()))) {
        const int64_t byte = begin + static_cast<int64_t>(at);
        Status error = MakeError(ErrorKind::kCorruptData, "file " + listed_.path + ", byte " + std::to_string(byte) +
                                                              ": the line that begins there is not UTF-8; write the file as UTF-8, or use read_binary_files()");
        if (bad_ == nullptr) return error;
        bad_->AddRow(byte, std::move(error));
        at = behind;
        continue;
      }
      at = behind;
      if (line.ends_with('\n')) line.remove_suffix(1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!options_.drop_empty_lines || !IsBlank(line)) ARROW_RETURN_NOT_OK(lines.Append(line));
    }
    if (lines.length() == 0) return nullptr;
    ARROW_ASSIGN_OR_RAISE(auto column, lines.Finish());
    const int64_t rows = column->length();
    return arrow::RecordBatch::Make(schema_, rows, {std::move(column)});
  }

  const ListedFile& listed_;
  const TextOptions options_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  BadParts* const bad_;  // may be null
};

class PieceReader : public arrow::RecordBatchReader {
 public:
  PieceReader(TextPieces pieces, LongLines long_lines, Lines lines, std::shared_ptr<arrow::Schema> schema)
      : pieces_(std::move(pieces)), long_lines_(std::move(long_lines)), lines_(std::move(lines)), schema_(std::move(schema)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    while (ready_.empty() && !pieces_.at_end()) {
      ARROW_RETURN_NOT_OK(pieces_.Grow());
      ARROW_ASSIGN_OR_RAISE(const size_t taken, lines_.AddEach(pieces_.text(), pieces_.begin(), pieces_.at_end(), &long_lines_, &ready_));
      std::reverse(ready_.begin(), ready_.end());
      pieces_.Take(taken);
    }
    if (ready_.empty()) return Status::OK();
    *out = std::move(ready_.back());
    ready_.pop_back();
    return Status::OK();
  }

 private:
  TextPieces pieces_;
  LongLines long_lines_;
  const Lines lines_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::RecordBatchVector ready_;  // the last one first
};

}  // namespace

Result<std::shared_ptr<const TextFormat>> TextFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, TextOptions options,
                                                           Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<TextFormat> format(new TextFormat(std::move(env), std::move(files), options));
  SampleOptions sampling;
  sampling.reader = kName;
  sampling.limits = options.limits;
  sampling.forgives = bad != nullptr;
  sampling.cuttable = [&](uint32_t file) { return format->cuttable(file); };
  const auto look = [](size_t, uint32_t, std::string_view) { return Status::OK(); };
  ARROW_ASSIGN_OR_RAISE(format->rows_guess_, SampleText(*format->env_, *format->files_, sampling, scheduler, look));
  return format;
}

Result<std::shared_ptr<arrow::RecordBatchReader>> TextFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  arrow::util::InitializeUTF8();
  const ListedFile& listed = (*files_)[range.file];
  const Lines lines(listed, options_, schema_, pool, bad);
  LongLines long_lines(listed.path, LineEnd::kLineFeed, options_.limits.line_bytes, bad);
  if (!cuttable(range.file)) {
    ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(*env_, listed, kName, options_.limits, pool));
    return std::make_shared<PieceReader>(std::move(pieces), std::move(long_lines), lines, schema_);
  }
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(*env_, listed, pool, kName));
  ARROW_ASSIGN_OR_RAISE(const auto text, ReadRangeText(*file, listed, 0, range, LineEnd::kLineFeed, options_.limits.line_bytes));
  arrow::RecordBatchVector batches;
  ARROW_RETURN_NOT_OK(lines.AddEach(text.text, text.begin, /*is_last=*/true, &long_lines, &batches).status());
  return arrow::RecordBatchReader::Make(std::move(batches), schema_);
}

Status TextFormat::Write(ByteWriter* out) const {
  out->Number<uint8_t>(options_.drop_empty_lines);
  WriteLimits(options_.limits, out);
  out->Number<int64_t>(rows_guess_);
  return Status::OK();
}

Result<std::shared_ptr<const TextFormat>> TextFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  TextOptions options;
  ARROW_ASSIGN_OR_RAISE(const auto drop, in->Number<uint8_t>());
  options.drop_empty_lines = drop != 0;
  ARROW_RETURN_NOT_OK(ReadLimitsFrom(in, &options.limits));
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  std::shared_ptr<TextFormat> format(new TextFormat(std::move(env), std::move(files), options));
  format->rows_guess_ = std::max<int64_t>(rows, 0);
  return format;
}

}  // namespace millstream
