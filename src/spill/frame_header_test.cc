#include "spill/frame_header.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "spill/frame_checksum.h"

namespace millstream {
namespace {

FrameHeader Example() {
  FrameHeader header;
  header.address = {1, 2, 3, 4};
  header.codec = SpillCodec::kZstd;
  header.payload_bytes = 1000;
  header.stored_bytes = 300;
  header.offset = 8192;
  header.checksum = 0x1122334455667788;
  return header;
}

TEST(FrameHeader, HasTheBytesOfTheFormatPage) {
  uint8_t bytes[FrameHeader::kBytes];
  EncodeFrameHeader(Example(), bytes);
  const uint8_t expected[56] = {
      'M',  'S',  'S',  'F',  1,    0,    2,    0,     // magic, version, codec, zero
      1,    0,    0,    0,    2,    0,    0,    0,     // stage, task
      3,    0,    0,    0,    4,    0,    0,    0,     // attempt, partition
      0xe8, 3,    0,    0,    0,    0,    0,    0,     // payload bytes
      0x2c, 1,    0,    0,    0,    0,    0,    0,     // stored bytes
      0,    0x20, 0,    0,    0,    0,    0,    0,     // offset
      0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  // checksum
  };
  EXPECT_EQ(std::memcmp(bytes, expected, sizeof(expected)), 0);
  const uint64_t own = FrameChecksum::Of(bytes, 56);
  EXPECT_EQ(std::memcmp(bytes + 56, &own, 8), 0);
}

TEST(FrameHeader, ComesBackAsItWas) {
  uint8_t bytes[FrameHeader::kBytes];
  EncodeFrameHeader(Example(), bytes);
  const auto header = *DecodeFrameHeader(bytes);
  EXPECT_EQ(header.address, Example().address);
  EXPECT_EQ(header.codec, SpillCodec::kZstd);
  EXPECT_EQ(header.payload_bytes, 1000);
  EXPECT_EQ(header.stored_bytes, 300);
  EXPECT_EQ(header.offset, 8192);
  EXPECT_EQ(header.checksum, 0x1122334455667788u);
}

TEST(FrameHeader, EveryFlippedBitIsNoticed) {
  uint8_t bytes[FrameHeader::kBytes];
  EncodeFrameHeader(Example(), bytes);
  for (int bit = 0; bit < 8 * FrameHeader::kBytes; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto header = DecodeFrameHeader(bytes);
    ASSERT_FALSE(header.ok()) << "bit " << bit;
    EXPECT_EQ(KindOf(header.status()), ErrorKind::kCorruptData);
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  }
}

TEST(FrameHeader, RefusesWhatNoWriterWouldWrite) {
  for (const auto& spoil : {+[](FrameHeader* header) { header->payload_bytes = -1; }, +[](FrameHeader* header) { header->stored_bytes = INT64_MAX; },
                            +[](FrameHeader* header) { header->codec = static_cast<SpillCodec>(3); }}) {
    FrameHeader header = Example();
    spoil(&header);
    uint8_t bytes[FrameHeader::kBytes];
    EncodeFrameHeader(header, bytes);
    EXPECT_FALSE(DecodeFrameHeader(bytes).ok());
  }
}

TEST(FrameBytesOnDisk, PadsToWholePages) {
  EXPECT_EQ(FrameBytesOnDisk(0), 4096);
  EXPECT_EQ(FrameBytesOnDisk(4032), 4096);
  EXPECT_EQ(FrameBytesOnDisk(4033), 8192);
}

TEST(FrameChecksum, IsTheSameWhateverThePieces) {
  std::vector<uint8_t> data(100'000);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * i >> 5);
  const uint64_t whole = FrameChecksum::Of(data.data(), 100'000);
  FrameChecksum pieces;
  for (int64_t at = 0, step = 1; at < 100'000; at += step, step = step * 3 % 7001 + 1) {
    pieces.Update(data.data() + at, std::min<int64_t>(step, 100'000 - at));
  }
  EXPECT_EQ(pieces.Digest(), whole);
  EXPECT_EQ(FrameChecksum().Digest(), 0x2d06800538d394c2u) << "xxh3-64 of nothing, from its specification";
}

}  // namespace
}  // namespace millstream
