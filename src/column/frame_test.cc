#include "column/frame.h"

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <numeric>

#include "base/random.h"
#include "column/gather.h"
#include "testing/batch_generator.h"
#include "testing/column_oracle.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

arrow::MemoryPool* Pool() { return arrow::default_memory_pool(); }

// The pieces in memory of exactly their size, so that a sanitizer sees a step beyond it.
std::shared_ptr<arrow::Buffer> FrameOf(const FramePieces& pieces) {
  std::shared_ptr<arrow::Buffer> frame = *arrow::AllocateBuffer(pieces.total_bytes);
  int64_t position = 0;
  for (const auto& piece : pieces.pieces) {
    std::memcpy(frame->mutable_data() + position, piece.data, static_cast<size_t>(piece.bytes));
    position += piece.bytes;
  }
  EXPECT_EQ(position, pieces.total_bytes);
  return frame;
}

std::shared_ptr<arrow::ArrayData> Canonical(const std::shared_ptr<arrow::Array>& array) {
  return *Concatenate({array->data()}, array->type(), Pool());
}

std::shared_ptr<arrow::Buffer> FrameOf(const arrow::ArrayData& data) {
  FramePieces pieces;
  EXPECT_TRUE(AppendColumn(data, &pieces).ok());
  return FrameOf(pieces);
}

TEST(Frame, RoundTripGivesTheSameBytesForEveryType) {
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    for (const auto& shape : ArrayShapes()) {
      const auto data = Canonical(RandomArray(type, shape));
      const auto frame = FrameOf(*data);
      EXPECT_EQ(frame->size() % 8, 0);
      int64_t position = 0;
      const auto read = ReadColumn(frame, &position, data->type);
      ASSERT_TRUE(read.ok()) << read.status().ToString();
      EXPECT_EQ(position, frame->size());
      ASSERT_EQ(FirstDifference(*data, **read), "");
      ASSERT_TRUE(arrow::MakeArray(*read)->ValidateFull().ok());
    }
  }
}

TEST(Frame, TheBytesAreThoseOfTheDocument) {
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append("ab").ok() && builder.AppendNull().ok() && builder.Append("").ok());
  const auto frame = FrameOf(*Canonical(*builder.Finish()));
  const uint64_t words[] = {3, 1, 3, 1, 16, 2, 5, 2ULL << 32, 2 | 2ULL << 32, 0x6261};
  ASSERT_EQ(frame->size(), static_cast<int64_t>(sizeof(words)));
  EXPECT_EQ(std::memcmp(frame->data(), words, sizeof(words)), 0);
}

TEST(Frame, ColumnsFollowEachOther) {
  const auto first = Canonical(RandomArray(arrow::utf8(), {.rows = 13}));
  const auto second = Canonical(RandomArray(arrow::list(arrow::int8()), {.rows = 5}));
  FramePieces pieces;
  ASSERT_TRUE(AppendColumn(*first, &pieces).ok());
  ASSERT_TRUE(AppendColumn(*second, &pieces).ok());
  const auto frame = FrameOf(pieces);
  int64_t position = 0;
  EXPECT_EQ(FirstDifference(*first, **ReadColumn(frame, &position, first->type)), "");
  EXPECT_EQ(FirstDifference(*second, **ReadColumn(frame, &position, second->type)), "");
  EXPECT_EQ(position, frame->size());
}

TEST(Frame, ReadingCopiesNothing) {
  const auto data = Canonical(RandomArray(arrow::int64(), {.rows = 50, .null_share = 0}));
  const auto frame = FrameOf(*data);
  int64_t position = 0;
  const auto read = *ReadColumn(frame, &position, data->type);
  EXPECT_GE(read->buffers[1]->data(), frame->data());
  EXPECT_LT(read->buffers[1]->data(), frame->data() + frame->size());
}

TEST(Frame, RefusesWhatIsNotCanonicalStorage) {
  FramePieces pieces;
  const auto sliced = RandomArray(arrow::int64(), {.rows = 50})->Slice(3);
  EXPECT_EQ(KindOf(AppendColumn(*sliced->data(), &pieces)), ErrorKind::kInvalidArgument);
  const auto inner = RandomArray(arrow::struct_({arrow::field("a", arrow::int8())}), {.rows = 50});
  auto shorter = inner->data()->Copy();
  shorter->length = 20;
  EXPECT_EQ(KindOf(AppendColumn(*shorter, &pieces)), ErrorKind::kInvalidArgument);
  const auto coded = RandomArray(arrow::list(arrow::dictionary(arrow::int8(), arrow::utf8())), {.rows = 50});
  EXPECT_EQ(KindOf(AppendColumn(*coded->data(), &pieces)), ErrorKind::kInvalidArgument);
  EXPECT_TRUE(pieces.pieces.empty());
}

TEST(Frame, AnEmptyArrayWithoutOffsetsIsWritten) {
  const auto data = arrow::ArrayData::Make(arrow::utf8(), 0, {nullptr, nullptr, nullptr}, 0);
  int64_t position = 0;
  const auto read = ReadColumn(FrameOf(*data), &position, data->type);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_TRUE(arrow::MakeArray(*read)->ValidateFull().ok());
}

// Uses every row that a reader let through; a sanitizer says whether it should not have.
void UseRows(const arrow::ArrayData& data) {
  ASSERT_TRUE(arrow::MakeArray(data.Copy())->Validate().ok()) << arrow::MakeArray(data.Copy())->Validate().ToString();
  if (data.length > 1000) return;
  std::vector<uint32_t> every(data.length);
  std::iota(every.begin(), every.end(), 0u);
  const auto gathered = Gather(data, every.data(), data.length, Pool());
  ASSERT_TRUE(gathered.ok()) << gathered.status().ToString();
  RowBytes(data, 0, data.length);
}

// Reads `frame`, which may be anything, as `type`: a column that can be used, or a corrupt-data error.
bool ReadsSafely(const std::shared_ptr<arrow::Buffer>& frame, const std::shared_ptr<arrow::DataType>& type) {
  int64_t position = 0;
  const auto read = ReadColumn(frame, &position, type);
  if (read.ok()) {
    UseRows(**read);
    return true;
  }
  EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorruptData) << read.status().ToString();
  EXPECT_EQ(position, 0);
  return false;
}

std::shared_ptr<arrow::Buffer> CopyOf(const arrow::Buffer& frame, int64_t bytes) {
  std::shared_ptr<arrow::Buffer> copy = *arrow::AllocateBuffer(bytes);
  std::memcpy(copy->mutable_data(), frame.data(), static_cast<size_t>(bytes));
  return copy;
}

// Calls `check` with a small frame of every type.
template <typename Check>
void ForEveryFrame(Check&& check) {
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    for (const double null_share : {0.0, 0.3}) {
      const auto data = Canonical(RandomArray(type, {.rows = 21, .null_share = null_share, .seed = 3}));
      check(*data, FrameOf(*data));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Frame, ATruncatedFrameIsAnError) {
  ForEveryFrame([](const auto& data, const auto& frame) {
    for (int64_t bytes = 0; bytes < frame->size(); bytes += bytes < 64 ? 1 : 8) {
      ASSERT_FALSE(ReadsSafely(CopyOf(*frame, bytes), data.type)) << bytes << " of " << frame->size();
    }
  });
}

TEST(Frame, FlippedBytesNeverCrashTheReaderNorItsUsers) {
  ForEveryFrame([](const auto& data, const auto& frame) {
    for (int64_t i = 0; i < 300 && frame->size() > 0; ++i) {
      const auto broken = CopyOf(*frame, frame->size());
      const int64_t flips = 1 + i % 3;
      for (int64_t k = 0; k < flips; ++k) {
        const uint64_t word = Mix64(static_cast<uint64_t>(i * 7 + k + 1));
        broken->mutable_data()[word % frame->size()] ^= static_cast<uint8_t>(1 + (word >> 40) % 255);
      }
      ReadsSafely(broken, data.type);
    }
  });
}

TEST(Frame, ExtremeNumbersInAnyPlaceNeverCrashTheReaderNorItsUsers) {
  constexpr int64_t kExtremes[] = {-1,
                                   0,
                                   1,
                                   22,
                                   std::numeric_limits<int32_t>::max(),
                                   int64_t{1} << 32,
                                   int64_t{1} << 47,
                                   std::numeric_limits<int64_t>::max(),
                                   std::numeric_limits<int64_t>::min(),
                                   std::numeric_limits<int64_t>::max() / 8,
                                   0x7FFFFFFF7FFFFFFF};
  ForEveryFrame([&](const auto& data, const auto& frame) {
    for (int64_t at = 0; at + 8 <= frame->size(); at += 8) {
      for (const int64_t extreme : kExtremes) {
        const auto broken = CopyOf(*frame, frame->size());
        std::memcpy(broken->mutable_data() + at, &extreme, sizeof(extreme));
        ReadsSafely(broken, data.type);
      }
    }
  });
}

TEST(Frame, AFrameOfAnotherTypeNeverCrashes) {
  const auto data = Canonical(RandomArray(arrow::list(arrow::utf8()), {.rows = 21}));
  const auto frame = FrameOf(*data);
  for (const auto& type : EveryType()) ReadsSafely(frame, StorageType(type));
}

TEST(Frame, MessagesNameTheTypeAndThePlace) {
  int64_t position = 8;
  const auto read =
      ReadColumn(CopyOf(*FrameOf(*Canonical(RandomArray(arrow::int8(), {}))), 16), &position, arrow::int8());
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.status().message().find("int8 at byte 8"), std::string::npos) << read.status().message();
  position = 3;
  EXPECT_EQ(KindOf(ReadColumn(arrow::Buffer::FromString("12345678"), &position, arrow::int8()).status()),
            ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace millstream
