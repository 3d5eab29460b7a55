#pragma once
/// The text of files: of a range of one that is cut at line ends, or piece by piece from the beginning, decompressed where its name says that it is compressed.

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include <memory>
#include <string>
#include <string_view>

#include "env/env.h"
#include "format/file_format.h"
#include "format/list_files.h"
#include "millstream/read_limits.h"

namespace millstream {

/// Before the text of files that say so that they are UTF-8.
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";

/// What ends a line. A carriage return alone does where that is old custom.
enum class LineEnd : uint8_t { kLineFeed, kAny };

/// Behind the first end of a line that is at `from` or later; npos where there is none that is whole.
size_t LineBehind(std::string_view text, size_t from, LineEnd end);
/// Behind the last one; 0 where there is none.
size_t LastLineBehind(std::string_view text, LineEnd end);

/// Whether the name ends as that of a compressed file: .gz, .bz2, .zst, .lz4 or .br.
bool IsCompressed(const std::string& path);

struct FileText {
  std::shared_ptr<arrow::Buffer> buffer;
  std::string_view text;  // of the buffer
  int64_t begin = 0;      // of it, in the file
};

/// The lines whose first byte is in the range, of a file whose lines begin at `lines_begin`. One of more than `line_bytes_max` bytes may be cut short, at no less than that.
Result<FileText> ReadRangeText(arrow::io::RandomAccessFile& file, const ListedFile& listed, int64_t lines_begin, const FileRange& range, LineEnd end, int64_t line_bytes_max);

/// The error of a line or value that goes on for longer than may be. `begin` is negative where it is not known.
Status TooLong(const std::string& path, int64_t begin, int64_t bytes_max);

/// Pieces of a file from its beginning.
class TextPieces {
 public:
  /// `reader`: as it is called in Python, for messages. The first piece has `first_bytes`, later ones more.
  static Result<TextPieces> Open(Env& env, const ListedFile& listed, const std::string& reader, const ReadLimits& limits, arrow::MemoryPool* pool,
                                 int64_t first_bytes = kPieceBytes);

  /// What has been read and not taken.
  std::string_view text() const { return text_; }
  bool at_end() const { return at_end_; }
  /// Reads on. kCorruptData where more is held than a line may have, and for what does not decompress, or to more than it may.
  Status Grow();
  void Take(size_t bytes) {
    text_.remove_prefix(bytes);
    taken_ += static_cast<int64_t>(bytes);
  }
  /// Where the text begins in the decompressed file.
  int64_t begin() const { return taken_; }

 private:
  static constexpr int64_t kPieceBytes = 1 << 20;
  TextPieces(const ListedFile& listed, std::shared_ptr<arrow::io::InputStream> stream, const ReadLimits& limits, arrow::MemoryPool* pool, int64_t next_bytes)
      : path_(listed.path), size_bytes_(listed.size_bytes), limits_(limits), stream_(std::move(stream)), pool_(pool), next_bytes_(next_bytes) {}
  Status CheckRatio(int64_t bytes) const;

  std::string path_;
  int64_t size_bytes_;  // of the file
  ReadLimits limits_;
  std::shared_ptr<arrow::io::InputStream> stream_;
  arrow::MemoryPool* pool_;
  int64_t next_bytes_;
  std::shared_ptr<arrow::Buffer> buffer_;
  std::string_view text_;  // of the buffer
  int64_t taken_ = 0;
  bool at_end_ = false;
};

}  // namespace millstream
