#pragma once
/// How ORC files hold messages and streams: as they are, or in blocks that are compressed one by one.

#include <arrow/io/interfaces.h>
#include <arrow/util/compression.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "format/list_files.h"
#include "millstream/read_limits.h"

namespace millstream {

/// All `bytes` there; a Status without a kind where the file has fewer.
Result<std::shared_ptr<arrow::Buffer>> ReadExactly(arrow::io::RandomAccessFile* file, int64_t at, int64_t bytes);

class OrcBlocks {
 public:
  OrcBlocks() = default;  // nothing is compressed
  /// By the numbers of the postscript. A Status without a kind for what is not read.
  static Result<OrcBlocks> Make(uint64_t compression, uint64_t block_bytes);

  bool is_compressed() const { return codec_ != nullptr; }
  uint64_t compression() const { return compression_; }
  /// Of a block, decompressed, at most.
  size_t block_bytes() const { return block_bytes_; }

  static constexpr size_t kHeadBytes = 3;
  /// The bytes of the block behind such a head; `is_original` where they are not compressed.
  static size_t BlockBytes(std::string_view head, bool* is_original);
  /// Appends what a compressed block holds, by way of `scratch`, which is kept from one to the next; false where that cannot be told, or is nothing.
  bool AppendBlock(std::string_view block, std::string* scratch, std::string* out) const;

  /// Of a message, which is of 64 MiB at most. A Status without a kind where it cannot be told, kCorruptData above a limit of the file.
  Result<std::string> Decompressed(std::string_view stored, const ListedFile& listed, const ReadLimits& limits) const;
  /// What Decompressed gives `message` of.
  std::string Stored(std::string_view message) const;

 private:
  std::shared_ptr<arrow::util::Codec> codec_;
  uint64_t compression_ = 0;
  size_t block_bytes_ = 0;
};

/// The bytes of a stream, one after the other; a block and a piece of the file are held.
class OrcStream {
 public:
  /// All outlive it.
  OrcStream(arrow::io::RandomAccessFile* file, const ListedFile& listed, const OrcBlocks& blocks, const ReadLimits& limits, int64_t begin, int64_t bytes)
      : file_(file), listed_(listed), blocks_(blocks), limits_(limits), at_(begin), end_(begin + bytes) {}

  /// False at the end, and where `status` is an error.
  bool Next(uint8_t* byte) {
    if (next_ == held_.size() && !Refill()) return false;
    *byte = static_cast<uint8_t>(held_[next_++]);
    return true;
  }
  const Status& status() const { return status_; }

 private:
  bool Refill();
  Status RefillOrFail();
  /// The next bytes as they are stored, until the next call.
  Result<std::string_view> Stored(size_t bytes);

  arrow::io::RandomAccessFile* const file_;
  const ListedFile& listed_;
  const OrcBlocks& blocks_;
  const ReadLimits& limits_;
  int64_t at_;  // of the file, behind what is in stored_
  const int64_t end_;
  std::string stored_;
  size_t taken_ = 0;  // of stored_
  std::string scratch_, held_;
  size_t next_ = 0;
  int64_t given_ = 0;  // bytes, with those held
  Status status_;
};

}  // namespace millstream
