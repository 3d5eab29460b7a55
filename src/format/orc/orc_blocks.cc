#include "format/orc/orc_blocks.h"

#include <arrow/buffer.h>

#include <algorithm>

#include "format/limits.h"

namespace millstream {
namespace {

using arrow::util::Codec;

enum Compression : uint64_t { kNone = 0, kZlib = 1, kSnappy = 2, kLzo = 3, kLz4 = 4, kZstd = 5, kBrotli = 6 };

/// The length of a block is told in 23 bits.
constexpr uint64_t kBlockBytesMax = 1 << 23;
constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kMessageBytesMax = 64 << 20;

Result<std::shared_ptr<Codec>> CodecOf(uint64_t compression) {
  switch (compression) {
    case kNone: return nullptr;
    case kZlib: {
      arrow::util::GZipCodecOptions options;
      options.gzip_format = arrow::util::GZipFormat::DEFLATE;
      return Codec::Create(arrow::Compression::GZIP, options);
    }
    case kSnappy: return Codec::Create(arrow::Compression::SNAPPY);
    case kLz4: return Codec::Create(arrow::Compression::LZ4);
    case kZstd: return Codec::Create(arrow::Compression::ZSTD);
    case kLzo:
    case kBrotli: return Status::Invalid("it is compressed by ", compression == kLzo ? "LZO" : "Brotli", ", which is not read");
    default: return Status::Invalid("its compression ", compression, " is not known");
  }
}

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> ReadExactly(arrow::io::RandomAccessFile* file, int64_t at, int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, file->ReadAt(at, bytes));
  if (buffer->size() != bytes) return Status::Invalid("it ends before byte ", at + bytes);
  return buffer;
}

Result<OrcBlocks> OrcBlocks::Make(uint64_t compression, uint64_t block_bytes) {
  if (compression != kNone && (block_bytes == 0 || block_bytes > kBlockBytesMax)) return Status::Invalid("its blocks are of ", block_bytes, " bytes, which cannot be");
  OrcBlocks blocks;
  ARROW_ASSIGN_OR_RAISE(blocks.codec_, CodecOf(compression));
  blocks.compression_ = compression;
  blocks.block_bytes_ = static_cast<size_t>(block_bytes);
  return blocks;
}

size_t OrcBlocks::BlockBytes(std::string_view head, bool* is_original) {
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<uint8_t>(head[at])); };
  *is_original = (byte(0) & 1) != 0;
  return (byte(0) | byte(1) << 8 | byte(2) << 16) >> 1;
}

bool OrcBlocks::AppendBlock(std::string_view block, std::string* scratch, std::string* out) const {
  scratch->resize(block_bytes_);
  const auto* in = reinterpret_cast<const uint8_t*>(block.data());
  auto* to = reinterpret_cast<uint8_t*>(scratch->data());
  const auto in_bytes = static_cast<int64_t>(block.size()), most = static_cast<int64_t>(block_bytes_);
  int64_t bytes = 0;
  if (compression_ == kZstd) {
    // At once it is only decompressed to a length that is known.
    const auto decompressor = codec_->MakeDecompressor();
    const auto done = decompressor.ok() ? (*decompressor)->Decompress(in_bytes, in, most, to) : decompressor.status();
    if (!done.ok() || !(*decompressor)->IsFinished() || done->bytes_read != in_bytes) return false;
    bytes = done->bytes_written;
  } else {
    const auto done = codec_->Decompress(in_bytes, in, most, to);
    if (!done.ok()) return false;
    bytes = *done;
  }
  out->append(*scratch, 0, static_cast<size_t>(bytes));
  return bytes > 0;
}

Result<std::string> OrcBlocks::Decompressed(std::string_view stored, const ListedFile& listed, const ReadLimits& limits) const {
  if (!is_compressed()) {
    if (stored.size() > kMessageBytesMax) return Status::Invalid("what it tells of itself is longer than ", kMessageBytesMax, " bytes");
    return std::string(stored);
  }
  std::string out, scratch;
  while (!stored.empty()) {
    if (stored.size() < kHeadBytes) return Status::Invalid("a block ends too early");
    bool is_original = false;
    const size_t size = BlockBytes(stored, &is_original);
    stored.remove_prefix(kHeadBytes);
    if (size > stored.size()) return Status::Invalid("a block ends too early");
    const std::string_view block = stored.substr(0, size);
    stored.remove_prefix(size);
    if (is_original) out += block;
    else if (!AppendBlock(block, &scratch, &out)) return Status::Invalid("a block does not decompress");
    ARROW_RETURN_NOT_OK(CheckDecompressed(listed.path, listed.size_bytes, static_cast<int64_t>(out.size()), limits));
    if (out.size() > kMessageBytesMax) return Status::Invalid("what it tells of itself is longer than ", kMessageBytesMax, " bytes");
  }
  return out;
}

std::string OrcBlocks::Stored(std::string_view message) const {
  if (!is_compressed()) return std::string(message);
  std::string stored;
  while (!message.empty()) {
    const std::string_view block = message.substr(0, (block_bytes_ + 1) / 2);
    const size_t head = block.size() << 1 | 1;
    for (size_t byte = 0; byte < kHeadBytes; ++byte) stored.push_back(static_cast<char>(head >> 8 * byte));
    stored += block;
    message.remove_prefix(block.size());
  }
  return stored;
}

bool OrcStream::Refill() {
  while (status_.ok() && next_ == held_.size() && (at_ < end_ || taken_ < stored_.size())) status_ = RefillOrFail();
  return status_.ok() && next_ < held_.size();
}

Status OrcStream::RefillOrFail() {
  held_.clear();
  next_ = 0;
  if (!blocks_.is_compressed()) {
    ARROW_ASSIGN_OR_RAISE(held_, Stored(static_cast<size_t>(std::min<int64_t>(end_ - at_, kPieceBytes))));
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto head, Stored(OrcBlocks::kHeadBytes));
  bool is_original = false;
  const size_t size = OrcBlocks::BlockBytes(head, &is_original);
  ARROW_ASSIGN_OR_RAISE(const auto block, Stored(size));
  if (is_original) held_ = block;
  else if (!blocks_.AppendBlock(block, &scratch_, &held_)) return Status::Invalid("a block does not decompress");
  given_ += static_cast<int64_t>(held_.size());
  return CheckDecompressed(listed_.path, listed_.size_bytes, given_, limits_);
}

Result<std::string_view> OrcStream::Stored(size_t bytes) {
  if (stored_.size() - taken_ < bytes) {
    stored_.erase(0, taken_);
    taken_ = 0;
    const auto more = std::min(end_ - at_, static_cast<int64_t>(std::max(bytes - stored_.size(), kPieceBytes)));
    ARROW_ASSIGN_OR_RAISE(const auto read, ReadExactly(file_, at_, more));
    stored_ += static_cast<std::string_view>(*read);
    at_ += more;
    if (stored_.size() < bytes) return Status::Invalid("a block ends too early");
  }
  const auto view = std::string_view(stored_).substr(taken_, bytes);
  taken_ += bytes;
  return view;
}

}  // namespace millstream
