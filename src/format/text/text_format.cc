#include "format/text/text_format.h"

#include <arrow/array/builder_binary.h>
#include <arrow/util/utf8.h>

#include <algorithm>

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

 private:
  const ListedFile& listed_;
  const TextOptions options_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  BadParts* const bad_;  // may be null
};

class PieceReader : public arrow::RecordBatchReader {
 public:
  PieceReader(TextPieces pieces, Lines lines, std::shared_ptr<arrow::Schema> schema) : pieces_(std::move(pieces)), lines_(std::move(lines)), schema_(std::move(schema)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    while (*out == nullptr && !pieces_.at_end()) {
      ARROW_RETURN_NOT_OK(pieces_.Grow());
      const size_t whole = pieces_.at_end() ? pieces_.text().size() : LastLineBehind(pieces_.text(), LineEnd::kLineFeed);
      ARROW_RETURN_NOT_OK(lines_.Make(pieces_.text().substr(0, whole), pieces_.begin()).Value(out));
      pieces_.Take(whole);
    }
    return Status::OK();
  }

 private:
  TextPieces pieces_;
  const Lines lines_;
  const std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

Result<std::shared_ptr<const TextFormat>> TextFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, TextOptions options,
                                                           Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<TextFormat> format(new TextFormat(std::move(env), std::move(files), options));
  SampleOptions sampling;
  sampling.reader = kName;
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
  if (!cuttable(range.file)) {
    ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(*env_, listed, kName, pool));
    return std::make_shared<PieceReader>(std::move(pieces), lines, schema_);
  }
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(*env_, listed, pool, kName));
  ARROW_ASSIGN_OR_RAISE(const auto text, ReadRangeText(*file, listed, 0, range, LineEnd::kLineFeed));
  ARROW_ASSIGN_OR_RAISE(auto rows, lines.Make(text.text, text.begin));
  arrow::RecordBatchVector batches;
  if (rows != nullptr) batches.push_back(std::move(rows));
  return arrow::RecordBatchReader::Make(std::move(batches), schema_);
}

Status TextFormat::Write(ByteWriter* out) const {
  out->Number<uint8_t>(options_.drop_empty_lines);
  out->Number<int64_t>(rows_guess_);
  return Status::OK();
}

Result<std::shared_ptr<const TextFormat>> TextFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto drop, in->Number<uint8_t>());
  ARROW_ASSIGN_OR_RAISE(const auto rows, in->Number<int64_t>());
  std::shared_ptr<TextFormat> format(new TextFormat(std::move(env), std::move(files), {drop != 0}));
  format->rows_guess_ = std::max<int64_t>(rows, 0);
  return format;
}

}  // namespace millstream
