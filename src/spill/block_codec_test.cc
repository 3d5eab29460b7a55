#include "spill/block_codec.h"

#include <gtest/gtest.h>

#include <random>

namespace millstream {
namespace {

class Codecs : public testing::TestWithParam<SpillCodec> {
 protected:
  std::unique_ptr<BlockCodec> codec_ = *BlockCodec::Make(GetParam());

  std::vector<uint8_t> Compressed(const std::vector<RunWriter::Piece>& pieces) {
    std::vector<uint8_t> scratch(static_cast<size_t>(codec_->scratch_bytes())), stored;
    EXPECT_TRUE(codec_
                    ->Compress(pieces, scratch.data(),
                               [&](const uint8_t* data, int64_t bytes) {
                                 stored.insert(stored.end(), data, data + bytes);
                                 return Status::OK();
                               })
                    .ok());
    return stored;
  }
  Status Decompress(const std::vector<uint8_t>& stored, std::vector<uint8_t>* out) {
    return codec_->Decompress(stored.data(), static_cast<int64_t>(stored.size()), out->data(), static_cast<int64_t>(out->size()));
  }
};

std::vector<uint8_t> Bytes(size_t count, bool random) {
  std::mt19937_64 numbers(count);
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = random ? static_cast<uint8_t>(numbers()) : static_cast<uint8_t>(i / 100);
  return bytes;
}

TEST_P(Codecs, PayloadsOfAnySizeAndCutComeBack) {
  std::mt19937_64 random(4);
  for (const size_t count : {size_t{0}, size_t{1}, size_t{1000}, size_t{256 << 10}, size_t{(256 << 10) + 1}, size_t{1'500'000}}) {
    for (const bool noise : {false, true}) {
      const auto payload = Bytes(count, noise);
      std::vector<RunWriter::Piece> pieces;
      for (size_t at = 0; at < count;) {
        const size_t part = std::min<size_t>(count - at, random() % 3 == 0 ? 600'000 : random() % 50'000);
        pieces.push_back({payload.data() + at, static_cast<int64_t>(part)});
        at += part;
      }
      const auto stored = Compressed(pieces);
      EXPECT_LE(static_cast<int64_t>(stored.size()), BlockCodec::StoredBytesMax(static_cast<int64_t>(count)));
      if (!noise && count > 1000) {
        EXPECT_LT(stored.size(), count / 4);
      }
      std::vector<uint8_t> out(count);
      ASSERT_TRUE(Decompress(stored, &out).ok());
      EXPECT_EQ(out, payload);
    }
  }
}

TEST_P(Codecs, DamagedBlocksAreErrorsNotCrashes) {
  const auto payload = Bytes(5000, false);
  const auto stored = Compressed({{payload.data(), 5000}});
  std::vector<uint8_t> out(5000);
  std::mt19937_64 random(8);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    auto damaged = stored;
    for (int i = 0; i < 3; ++i) damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    const Status status = Decompress(damaged, &out);
    refused += !status.ok();
    if (!status.ok()) {
      EXPECT_EQ(KindOf(status), ErrorKind::kCorruptData);
    }
  }
  EXPECT_GT(refused, 1000);
  std::vector<uint8_t> longer(5001), shorter(4999);
  EXPECT_FALSE(Decompress(stored, &longer).ok());
  EXPECT_FALSE(Decompress(stored, &shorter).ok());
}

INSTANTIATE_TEST_SUITE_P(BlockCodec, Codecs, testing::Values(SpillCodec::kLz4, SpillCodec::kZstd),
                         [](const auto& info) { return info.param == SpillCodec::kLz4 ? "Lz4" : "Zstd"; });

TEST(BlockCodec, NoneIsNone) { EXPECT_EQ(*BlockCodec::Make(SpillCodec::kNone), nullptr); }

}  // namespace
}  // namespace millstream
