#include "format/file_text.h"

#include <arrow/io/compressed.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "format/limits.h"

namespace millstream {
namespace {

constexpr int64_t kTailBytes = 16 << 10;

std::optional<arrow::Compression::type> CompressionOf(const std::string& path) {
  using arrow::Compression;
  constexpr std::array<std::pair<std::string_view, Compression::type>, 6> kExtensions = {{{".gz", Compression::GZIP},
                                                                                          {".bz2", Compression::BZ2},
                                                                                          {".zst", Compression::ZSTD},
                                                                                          {".zstd", Compression::ZSTD},
                                                                                          {".lz4", Compression::LZ4_FRAME},
                                                                                          {".br", Compression::BROTLI}}};
  for (const auto& [extension, type] : kExtensions) {
    if (std::string_view(path).ends_with(extension)) return type;
  }
  return std::nullopt;
}

Status Shortened(const ListedFile& listed, int64_t end) {
  return MakeError(ErrorKind::kIo, "file " + listed.path + " ended at byte " + std::to_string(end) + ", before its listed size");
}

}  // namespace

size_t LineBehind(std::string_view text, size_t from, LineEnd end) {
  if (end == LineEnd::kLineFeed) {
    const size_t at = text.find('\n', from);
    return at == std::string_view::npos ? at : at + 1;
  }
  const size_t at = text.find_first_of("\r\n", from);
  if (at == std::string_view::npos) return at;
  if (text[at] == '\n') return at + 1;
  if (at + 1 == text.size()) return std::string_view::npos;
  return at + (text[at + 1] == '\n' ? 2 : 1);
}

size_t LastLineBehind(std::string_view text, LineEnd end) {
  // A carriage return at the end may have its line feed behind it.
  if (end == LineEnd::kAny && text.ends_with('\r')) text.remove_suffix(1);
  const size_t at = end == LineEnd::kAny ? text.find_last_of("\r\n") : text.rfind('\n');
  return at == std::string_view::npos ? 0 : at + 1;
}

bool IsCompressed(const std::string& path) { return CompressionOf(path).has_value(); }

Status TooLong(const std::string& path, int64_t begin, int64_t bytes_max) {
  return OverLimit("file " + path + " has no end of a line or value within " + std::to_string(bytes_max) + " bytes" +
                       (begin < 0 ? "" : " from byte " + std::to_string(begin) + " on") + "; it may be of another format, or a quote is not closed",
                   "line_bytes");
}

Result<FileText> ReadRangeText(arrow::io::RandomAccessFile& file, const ListedFile& listed, int64_t lines_begin, const FileRange& range, LineEnd line_end,
                               int64_t line_bytes_max) {
  FileText text;
  if (range.end <= lines_begin) return text;
  const bool in_between = range.begin > lines_begin;
  const int64_t from = in_between ? range.begin - 1 : lines_begin;
  // With what ends it.
  const int64_t tail_max = line_bytes_max + 2;
  for (int64_t tail = std::min(kTailBytes, tail_max);; tail = std::min(8 * tail, tail_max)) {
    const int64_t to = std::min(range.end + tail, listed.size_bytes);
    ARROW_ASSIGN_OR_RAISE(text.buffer, file.ReadAt(from, to - from));
    if (text.buffer->size() != to - from) return Shortened(listed, from + text.buffer->size());
    const std::string_view all(*text.buffer);
    const size_t begin = in_between ? LineBehind(all, 0, line_end) : 0;
    size_t end = range.end == listed.size_bytes ? all.size() : LineBehind(all, static_cast<size_t>(range.end - 1 - from), line_end);
    if (end == std::string_view::npos && (to == listed.size_bytes || tail == tail_max)) end = all.size();
    if (begin == std::string_view::npos || static_cast<int64_t>(begin) >= range.end - from) return FileText{};
    if (end != std::string_view::npos) {
      if (begin >= end) return FileText{};  // one line goes over all of the range
      text.text = all.substr(begin, end - begin);
      text.begin = from + static_cast<int64_t>(begin);
      return text;
    }
  }
}

Result<TextPieces> TextPieces::Open(Env& env, const ListedFile& listed, const std::string& reader, const ReadLimits& limits, arrow::MemoryPool* pool, int64_t first_bytes) {
  ARROW_ASSIGN_OR_RAISE(auto file, OpenListed(env, listed, pool, reader));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::io::InputStream> stream, arrow::io::RandomAccessFile::GetStream(std::move(file), 0, listed.size_bytes));
  if (const auto compression = CompressionOf(listed.path)) {
    ARROW_ASSIGN_OR_RAISE(const auto codec, arrow::util::Codec::Create(*compression));
    ARROW_ASSIGN_OR_RAISE(stream, arrow::io::CompressedInputStream::Make(codec.get(), stream, pool));
  }
  return TextPieces(listed, std::move(stream), limits, pool, first_bytes);
}

Status TextPieces::CheckRatio(int64_t bytes) const { return IsCompressed(path_) ? CheckDecompressed(path_, size_bytes_, bytes, limits_) : Status::OK(); }

Status TextPieces::Grow() {
  const auto kept = static_cast<int64_t>(text_.size());
  if (kept > limits_.line_bytes) return TooLong(path_, taken_, limits_.line_bytes);
  ARROW_ASSIGN_OR_RAISE(auto joined, arrow::AllocateResizableBuffer(kept + next_bytes_, pool_));
  if (kept > 0) std::memcpy(joined->mutable_data(), text_.data(), text_.size());
  const auto read = stream_->Read(next_bytes_, joined->mutable_data() + kept);
  if (!read.ok()) {
    // Errors of the disk have a kind; those of a codec do not.
    const Status& status = read.status();
    if (status.detail() != nullptr || status.IsOutOfMemory()) return WithContext(status, "file " + path_);
    return MakeError(ErrorKind::kCorruptData, "file " + path_ + " does not decompress, behind byte " + std::to_string(taken_ + kept) + " of what is in it: " + status.message());
  }
  at_end_ = *read < next_bytes_;
  ARROW_RETURN_NOT_OK(joined->Resize(kept + *read, /*shrink_to_fit=*/false));
  // What a value goes over is read in ever larger pieces, so that its beginning is not copied for each of them.
  const int64_t held = kept + *read;
  ARROW_RETURN_NOT_OK(CheckRatio(taken_ + held));
  next_bytes_ = std::clamp<int64_t>(std::max(std::min(2 * next_bytes_, kPieceBytes), held), 1, std::max<int64_t>(limits_.line_bytes + 1 - held, kPieceBytes));
  buffer_ = std::move(joined);
  text_ = std::string_view(*buffer_);
  return Status::OK();
}

}  // namespace millstream
