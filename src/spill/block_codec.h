#pragma once
/// Compression of a frame's payload in blocks, so that a payload of any size needs only two blocks of memory.
///
/// A block is its raw length, its stored length (32 bits each), then the stored bytes; equal lengths mean that it is not compressed, because
/// that would not have made it smaller. All blocks but the last hold kBlockBytes.

#include <arrow/util/compression.h>

#include <functional>
#include <memory>
#include <vector>

#include "spill/spill_area.h"

namespace millstream {

class BlockCodec {
 public:
  static constexpr int64_t kBlockBytes = 256 << 10;
  static constexpr int64_t kBlockHeaderBytes = 8;

  /// Null for kNone.
  static Result<std::unique_ptr<BlockCodec>> Make(SpillCodec codec);

  /// Memory that Compress needs.
  int64_t scratch_bytes() const { return scratch_bytes_; }
  /// Stored bytes at worst.
  static int64_t StoredBytesMax(int64_t payload_bytes);

  /// Hands the blocks of the pieces' concatenation to `emit`, one after the other.
  Status Compress(const std::vector<RunWriter::Piece>& pieces, uint8_t* scratch,
                  const std::function<Status(const uint8_t* data, int64_t bytes)>& emit);
  /// kCorruptData unless the blocks fill `out` exactly.
  Status Decompress(const uint8_t* stored, int64_t stored_bytes, uint8_t* out, int64_t payload_bytes);

 private:
  explicit BlockCodec(std::unique_ptr<arrow::util::Codec> codec);
  Result<int64_t> CompressBlock(const uint8_t* raw, int64_t bytes, uint8_t* out);

  std::unique_ptr<arrow::util::Codec> codec_;
  int64_t compressed_bytes_max_;
  int64_t scratch_bytes_;
};

}  // namespace millstream
