#include "spill/block_codec.h"

#include <algorithm>
#include <cstring>

namespace millstream {
namespace {

constexpr int kZstdLevel = 1;

/// Reads the pieces as one sequence, whole blocks without a copy where they lie within one piece.
class PieceReader {
 public:
  explicit PieceReader(const std::vector<RunWriter::Piece>& pieces) : pieces_(pieces) {}

  /// The next block, of which `*bytes` is 0 at the end; points into a piece or into `gathered`.
  const uint8_t* Next(uint8_t* gathered, int64_t* bytes) {
    *bytes = 0;
    while (*bytes < BlockCodec::kBlockBytes && piece_ < pieces_.size()) {
      const RunWriter::Piece& piece = pieces_[piece_];
      const int64_t part = std::min(BlockCodec::kBlockBytes - *bytes, piece.bytes - within_);
      const uint8_t* const data = piece.data + within_;
      within_ += part;
      if (within_ == piece.bytes) {
        ++piece_;
        within_ = 0;
      }
      if (part == BlockCodec::kBlockBytes) {
        *bytes = part;
        return data;
      }
      if (part > 0) std::memcpy(gathered + *bytes, data, static_cast<size_t>(part));
      *bytes += part;
    }
    return gathered;
  }

 private:
  const std::vector<RunWriter::Piece>& pieces_;
  size_t piece_ = 0;
  int64_t within_ = 0;
};

Status DamagedBlock() { return MakeError(ErrorKind::kCorruptData, "a compressed block of the frame does not decode"); }

}  // namespace

BlockCodec::BlockCodec(std::unique_ptr<arrow::util::Codec> codec)
    : codec_(std::move(codec)),
      compressed_bytes_max_(codec_->MaxCompressedLen(kBlockBytes, nullptr)),
      scratch_bytes_(kBlockBytes + kBlockHeaderBytes + compressed_bytes_max_) {}

Result<std::unique_ptr<BlockCodec>> BlockCodec::Make(SpillCodec codec) {
  if (codec == SpillCodec::kNone) return nullptr;
  const auto type = codec == SpillCodec::kLz4 ? arrow::Compression::LZ4 : arrow::Compression::ZSTD;
  const int level = codec == SpillCodec::kLz4 ? arrow::util::kUseDefaultCompressionLevel : kZstdLevel;
  ARROW_ASSIGN_OR_RAISE(auto made, arrow::util::Codec::Create(type, level));
  return std::unique_ptr<BlockCodec>(new BlockCodec(std::move(made)));
}

int64_t BlockCodec::StoredBytesMax(int64_t payload_bytes) {
  return payload_bytes + (payload_bytes + kBlockBytes - 1) / kBlockBytes * kBlockHeaderBytes;
}

/// Writes the block with its header to `out`; returns its length.
Result<int64_t> BlockCodec::CompressBlock(const uint8_t* raw, int64_t bytes, uint8_t* out) {
  uint8_t* const body = out + kBlockHeaderBytes;
  ARROW_ASSIGN_OR_RAISE(int64_t stored, codec_->Compress(bytes, raw, compressed_bytes_max_, body));
  if (stored >= bytes) {
    std::memcpy(body, raw, static_cast<size_t>(bytes));
    stored = bytes;
  }
  const uint32_t lengths[2] = {static_cast<uint32_t>(bytes), static_cast<uint32_t>(stored)};
  std::memcpy(out, lengths, sizeof(lengths));
  return kBlockHeaderBytes + stored;
}

Status BlockCodec::Compress(const std::vector<RunWriter::Piece>& pieces, uint8_t* scratch,
                            const std::function<Status(const uint8_t* data, int64_t bytes)>& emit) {
  PieceReader reader(pieces);
  uint8_t* const out = scratch + kBlockBytes;
  int64_t bytes = 0;
  for (const uint8_t* raw = reader.Next(scratch, &bytes); bytes > 0; raw = reader.Next(scratch, &bytes)) {
    ARROW_ASSIGN_OR_RAISE(const int64_t stored, CompressBlock(raw, bytes, out));
    ARROW_RETURN_NOT_OK(emit(out, stored));
  }
  return Status::OK();
}

Status BlockCodec::Decompress(const uint8_t* stored, int64_t stored_bytes, uint8_t* out, int64_t payload_bytes) {
  int64_t at = 0, done = 0;
  while (at < stored_bytes) {
    if (stored_bytes - at < kBlockHeaderBytes) return DamagedBlock();
    uint32_t lengths[2];
    std::memcpy(lengths, stored + at, sizeof(lengths));
    const int64_t raw = lengths[0], packed = lengths[1];
    at += kBlockHeaderBytes;
    if (raw == 0 || packed > raw || raw > payload_bytes - done || packed > stored_bytes - at) return DamagedBlock();
    if (packed == raw) {
      std::memcpy(out + done, stored + at, static_cast<size_t>(raw));
    } else {
      const auto decoded = codec_->Decompress(packed, stored + at, raw, out + done);
      if (!decoded.ok() || *decoded != raw) return DamagedBlock();
    }
    at += packed;
    done += raw;
  }
  return done == payload_bytes ? Status::OK() : DamagedBlock();
}

}  // namespace millstream
