#include "spill/frame_header.h"

#include <bit>
#include <cstring>

#include "spill/frame_checksum.h"

namespace millstream {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

constexpr uint32_t kMagic = 0x4653534d;  // "MSSF" in memory
constexpr int64_t kPayloadBytesMax = int64_t{1} << 48;
constexpr int64_t kOwnChecksumAt = 56;

template <typename Value>
void Put(uint8_t* out, int64_t at, Value value) {
  std::memcpy(out + at, &value, sizeof(value));
}

template <typename Value>
Value Get(const uint8_t* data, int64_t at) {
  Value value;
  std::memcpy(&value, data + at, sizeof(value));
  return value;
}

Status Damaged(const char* what) { return MakeError(ErrorKind::kCorruptData, std::string("the frame's header has ") + what); }

bool PlausibleLength(int64_t bytes) { return bytes >= 0 && bytes <= kPayloadBytesMax; }

}  // namespace

void EncodeFrameHeader(const FrameHeader& header, uint8_t* out) {
  Put<uint32_t>(out, 0, kMagic);
  Put<uint16_t>(out, 4, FrameHeader::kVersion);
  Put<uint8_t>(out, 6, static_cast<uint8_t>(header.codec));
  Put<uint8_t>(out, 7, 0);
  Put<uint32_t>(out, 8, header.address.stage);
  Put<uint32_t>(out, 12, header.address.task);
  Put<uint32_t>(out, 16, header.address.attempt);
  Put<uint32_t>(out, 20, header.address.partition);
  Put<int64_t>(out, 24, header.payload_bytes);
  Put<int64_t>(out, 32, header.stored_bytes);
  Put<int64_t>(out, 40, header.offset);
  Put<uint64_t>(out, 48, header.checksum);
  Put<uint64_t>(out, kOwnChecksumAt, FrameChecksum::Of(out, kOwnChecksumAt));
}

Result<FrameHeader> DecodeFrameHeader(const uint8_t* data) {
  if (Get<uint32_t>(data, 0) != kMagic) return Damaged("no magic number");
  if (Get<uint64_t>(data, kOwnChecksumAt) != FrameChecksum::Of(data, kOwnChecksumAt)) return Damaged("a wrong checksum");
  if (Get<uint16_t>(data, 4) != FrameHeader::kVersion) return Damaged("another version");
  FrameHeader header;
  header.codec = static_cast<SpillCodec>(data[6]);
  header.address = {Get<uint32_t>(data, 8), Get<uint32_t>(data, 12), Get<uint32_t>(data, 16), Get<uint32_t>(data, 20)};
  header.payload_bytes = Get<int64_t>(data, 24);
  header.stored_bytes = Get<int64_t>(data, 32);
  header.offset = Get<int64_t>(data, 40);
  header.checksum = Get<uint64_t>(data, 48);
  if (header.codec > SpillCodec::kZstd) return Damaged("an unknown codec");
  if (!PlausibleLength(header.payload_bytes) || !PlausibleLength(header.stored_bytes)) return Damaged("an impossible length");
  return header;
}

int64_t FrameBytesOnDisk(int64_t stored_bytes) {
  constexpr int64_t kAlignment = ScratchFile::kAlignmentBytes;
  return (FrameHeader::kBytes + stored_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace millstream
