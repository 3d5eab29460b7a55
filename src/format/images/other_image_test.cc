#include "format/images/other_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "format/images/image_decoder.h"
#include "format/images/image_file.h"

namespace millstream {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGif = "GIF89a and more";

/// Each picture has this shape, and bytes of this value.
class PlainDecoder : public ImageDecoder {
 public:
  PlainDecoder(ImageShape shape, uint8_t value) : shape_(shape), value_(value) { SetImageDecoder(this); }
  ~PlainDecoder() override { SetImageDecoder(nullptr); }
  Result<ImageShape> Shape(const char* format, std::string_view) const override {
    format_ = format;
    return shape_;
  }
  Status Decode(const char*, std::string_view, const ImageShape& shape, uint8_t* out) const override {
    ++decoded_;
    std::fill_n(out, shape.bytes(), value_);
    return Status::OK();
  }
  const std::string& format() const { return format_; }
  int decoded() const { return decoded_; }

 private:
  const ImageShape shape_;
  const uint8_t value_;
  mutable std::string format_;
  mutable int decoded_ = 0;
};

void ExpectError(const Status& status, ErrorKind kind, const std::string& part) {
  EXPECT_EQ(KindOf(status), kind) << status.ToString();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.ToString();
}

TEST(OtherImage, IsToldByItsFirstBytes) {
  for (const auto bytes : {"GIF87a.."sv, "BM"sv, "II*\0"sv, "MM\0*"sv, "II+\0"sv, "RIFF\1\2\3\4WEBPVP8 "sv, "P1\n"sv, "P6 "sv}) EXPECT_TRUE(IsOtherImage(bytes)) << bytes;
  for (const auto bytes : {""sv, "GIF"sv, "RIFF\1\2\3\4WAVE"sv, "RIFF"sv, "P6"sv, "P7\n"sv, "PK\3\4"sv, "\0\0\0\x1c" "ftypavif"sv}) EXPECT_FALSE(IsOtherImage(bytes)) << bytes;
  EXPECT_TRUE(NeedsWholeFile("II*\0"sv));
  EXPECT_FALSE(NeedsWholeFile(kGif));
}

TEST(OtherImage, SaysWhatIsNotRead) {
  ExpectError(ReadImage(kGif, {}, arrow::default_memory_pool()).status(), ErrorKind::kInvalidArgument, "it is a GIF picture, which is read in Python alone");
  const PlainDecoder decoder({1, 1, 1}, 0);
  ExpectError(ReadImage("\0\0\0\x1c" "ftypavif"sv, {}, arrow::default_memory_pool()).status(), ErrorKind::kInvalidArgument, "it is an AVIF or HEIC picture, which read_images() does not read");
  ExpectError(ReadImage("text", {}, arrow::default_memory_pool()).status(), ErrorKind::kCorruptData, "it is no picture that is read");
}

TEST(OtherImage, IsConvertedAndScaledAsAnyPicture) {
  const PlainDecoder decoder({4, 6, 3}, 70);
  const Pixels pixels = ReadImage(kGif, {.height = 2, .width = 3, .mode = ImageMode::kRgba}, arrow::default_memory_pool()).ValueOrDie();
  EXPECT_EQ(decoder.format(), "GIF");
  EXPECT_EQ(pixels.shape, (ImageShape{2, 3, 4}));
  EXPECT_EQ(std::string_view(*pixels.bytes).substr(0, 8), "FFF\xff" "FFF\xff"sv);
}

TEST(OtherImage, IsRefusedBeforeItIsDecodedWhereItIsTooLarge) {
  const PlainDecoder decoder({1 << 20, 1 << 20, 3}, 0);
  ExpectError(ReadImage(kGif, {}, arrow::default_memory_pool()).status(), ErrorKind::kCorruptData, "it has 1048576 x 1048576 pixels");
  EXPECT_EQ(decoder.decoded(), 0);
}

TEST(OtherImage, HasSidesThatAPictureCanHave) {
  for (const int64_t side : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
    const PlainDecoder decoder({side, 2, 3}, 0);
    ExpectError(ReadImage(kGif, {}, arrow::default_memory_pool()).status(), ErrorKind::kCorruptData, "it is damaged: its sides are");
  }
}

}  // namespace
}  // namespace millstream
