#include "format/csv/csv_reader.h"

#include <algorithm>
#include <cstring>

namespace millstream {
namespace {

constexpr int64_t kTailBytes = 16 << 10;
constexpr int64_t kPieceBytes = 1 << 20;
constexpr int64_t kRowBytesMax = 64 << 20;

Status TooLong(const ListedFile& listed, int64_t begin) {
  return MakeError(ErrorKind::kCorruptData, "file " + listed.path + " has no end of a row within " + std::to_string(kRowBytesMax) + " bytes from byte " + std::to_string(begin) +
                                                " on; it may be of another format, or a quote is not closed");
}

std::string Where(const ListedFile& listed, const CsvHead& head, int64_t begin) {
  return "file " + listed.path + (begin == head.rows_begin ? "" : ", from byte " + std::to_string(begin) + " on");
}

class TextReader : public arrow::RecordBatchReader {
 public:
  TextReader(CsvText text, std::shared_ptr<arrow::Schema> schema, CsvRows rows) : text_(std::move(text)), schema_(std::move(schema)), rows_(std::move(rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    int64_t parsed = 0;
    out->reset();
    if (text_.rows.empty()) return Status::OK();
    ARROW_RETURN_NOT_OK(rows_.Next(text_.rows, /*is_last=*/true, &parsed).Value(out));
    text_.rows.remove_prefix(*out == nullptr ? text_.rows.size() : static_cast<size_t>(parsed));
    return Status::OK();
  }

 private:
  CsvText text_;
  const std::shared_ptr<arrow::Schema> schema_;
  CsvRows rows_;
};

/// Where a quoted value may go over any number of lines, only its parser knows where a row ends.
class PieceReader : public arrow::RecordBatchReader {
 public:
  PieceReader(std::shared_ptr<arrow::io::RandomAccessFile> file, const ListedFile& listed, int64_t begin, std::shared_ptr<arrow::Schema> schema, CsvRows rows,
              arrow::MemoryPool* pool)
      : file_(std::move(file)), listed_(listed), next_(begin), schema_(std::move(schema)), rows_(std::move(rows)), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    for (;;) {
      int64_t parsed = 0;
      const bool is_last = next_ == listed_.size_bytes;
      out->reset();
      if (!text_.empty()) ARROW_RETURN_NOT_OK(rows_.Next(text_, is_last, &parsed).Value(out));
      text_.remove_prefix(static_cast<size_t>(parsed));
      if (*out != nullptr || is_last) return Status::OK();
      ARROW_RETURN_NOT_OK(ReadPiece());
    }
  }

 private:
  Status ReadPiece() {
    const auto kept = static_cast<int64_t>(text_.size());
    if (kept > kRowBytesMax) return TooLong(listed_, next_ - kept);
    const int64_t bytes = std::min(kPieceBytes, listed_.size_bytes - next_);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> joined, arrow::AllocateBuffer(kept + bytes, pool_));
    if (kept > 0) std::memcpy(joined->mutable_data(), text_.data(), text_.size());
    ARROW_ASSIGN_OR_RAISE(const int64_t read, file_->ReadAt(next_, bytes, joined->mutable_data() + kept));
    if (read != bytes) return MakeError(ErrorKind::kIo, "file " + listed_.path + " ended at byte " + std::to_string(next_ + read) + ", before its listed size");
    next_ += bytes;
    buffer_ = std::move(joined);
    text_ = std::string_view(*buffer_);
    return Status::OK();
  }

  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const ListedFile& listed_;
  int64_t next_;
  const std::shared_ptr<arrow::Schema> schema_;
  CsvRows rows_;
  arrow::MemoryPool* const pool_;
  std::shared_ptr<arrow::Buffer> buffer_;
  std::string_view text_;  // of the buffer, not parsed
};

}  // namespace

Result<CsvText> ReadCsvText(arrow::io::RandomAccessFile& file, const ListedFile& listed, const CsvHead& head, const FileRange& range) {
  CsvText text;
  if (range.end <= head.rows_begin) return text;
  const bool in_between = range.begin > head.rows_begin;
  const int64_t from = in_between ? range.begin - 1 : head.rows_begin;
  for (int64_t tail = kTailBytes;; tail *= 8) {
    const int64_t to = std::min(range.end + tail, listed.size_bytes);
    ARROW_ASSIGN_OR_RAISE(text.buffer, file.ReadAt(from, to - from));
    if (text.buffer->size() != to - from) return MakeError(ErrorKind::kIo, "file " + listed.path + " ended at byte " + std::to_string(from + text.buffer->size()) + ", before its listed size");
    const std::string_view all(*text.buffer);
    const size_t begin = in_between ? RowBehind(all, 0) : 0;
    size_t end = range.end == listed.size_bytes ? all.size() : RowBehind(all, static_cast<size_t>(range.end - 1 - from));
    if (end == std::string_view::npos && to == listed.size_bytes) end = all.size();
    if (begin != std::string_view::npos && static_cast<int64_t>(begin) >= range.end - from) return CsvText{};
    if (end != std::string_view::npos) {
      if (begin >= end) return CsvText{};  // one row goes over all of the range
      text.rows = all.substr(begin, end - begin);
      text.begin = from + static_cast<int64_t>(begin);
      return text;
    }
    if (tail >= kRowBytesMax) return TooLong(listed, from);
  }
}

Result<std::unique_ptr<arrow::RecordBatchReader>> OpenCsvRange(std::shared_ptr<arrow::io::RandomAccessFile> file, const ListedFile& listed, const CsvHead& head,
                                                               const FileRange& range, const std::shared_ptr<arrow::Schema>& schema, const CsvOptions& options,
                                                               arrow::MemoryPool* pool) {
  const CsvColumns columns{schema, head.names};
  if (options.parse.newlines_in_values) {
    CsvRows rows(columns, options, Where(listed, head, head.rows_begin), pool);
    return std::make_unique<PieceReader>(std::move(file), listed, std::min(head.rows_begin, listed.size_bytes), schema, std::move(rows), pool);
  }
  ARROW_ASSIGN_OR_RAISE(auto text, ReadCsvText(*file, listed, head, range));
  CsvRows rows(columns, options, Where(listed, head, text.begin), pool);
  return std::make_unique<TextReader>(std::move(text), schema, std::move(rows));
}

}  // namespace millstream
