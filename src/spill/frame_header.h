#pragma once
/// The first 64 bytes of a spill frame (docs/spill_format.md): all that is needed to know it for what it is.

#include <cstdint>

#include "spill/spill_area.h"

namespace millstream {

struct FrameHeader {
  static constexpr int64_t kBytes = 64;
  static constexpr uint16_t kVersion = 1;

  RunAddress address;
  SpillCodec codec = SpillCodec::kNone;
  int64_t payload_bytes = 0;
  int64_t stored_bytes = 0;  // after the header, without padding
  int64_t offset = 0;        // of the frame in its file
  uint64_t checksum = 0;     // of the stored bytes
};

void EncodeFrameHeader(const FrameHeader& header, uint8_t* out);
/// kCorruptData saying what is wrong: magic, version, codec, a length, or the header's own checksum. Reads FrameHeader::kBytes.
Result<FrameHeader> DecodeFrameHeader(const uint8_t* data);
/// Header, stored bytes and padding.
int64_t FrameBytesOnDisk(int64_t stored_bytes);

}  // namespace millstream
