#include "format/images/other_image.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <string>

#include "format/images/image_decoder.h"

namespace millstream {
namespace {

using namespace std::string_view_literals;

constexpr int64_t kSideMax = std::numeric_limits<int32_t>::max();

struct OtherFormat {
  std::string_view magic;
  const char* name;
  const char* decoded_as = nullptr;  // null: it is not read
  bool needs_whole_file = false;
  std::string_view brand = {};  // behind the magic and four bytes of any value

  bool Begins(std::string_view bytes) const {
    return bytes.starts_with(magic) && (brand.empty() || bytes.substr(std::min(bytes.size(), magic.size() + 4)).starts_with(brand));
  }
};

constexpr std::array kFormats = {
    OtherFormat{"GIF87a"sv, "a GIF", "GIF"},
    OtherFormat{"GIF89a"sv, "a GIF", "GIF"},
    OtherFormat{"BM"sv, "a BMP", "BMP"},
    OtherFormat{"II*\0"sv, "a TIFF", "TIFF", true},
    OtherFormat{"MM\0*"sv, "a TIFF", "TIFF", true},
    OtherFormat{"II+\0"sv, "a TIFF", "TIFF", true},
    OtherFormat{"MM\0+"sv, "a TIFF", "TIFF", true},
    OtherFormat{"RIFF"sv, "a WebP", "WEBP", true, "WEBP"sv},
    OtherFormat{"\0\0\0\x0cjP  "sv, "a JPEG 2000"},
    OtherFormat{"\0\0\0"sv, "an AVIF or HEIC"},
};
constexpr OtherFormat kPpm = {"P"sv, "a PPM", "PPM"};

bool IsPpm(std::string_view bytes) { return bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' && " \t\n\r\v\f"sv.find(bytes[2]) != std::string_view::npos; }

const OtherFormat* FormatOf(std::string_view bytes) {
  if (IsPpm(bytes)) return &kPpm;
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(), [&](const OtherFormat& format) { return format.Begins(bytes); });
  return found == kFormats.end() ? nullptr : found;
}

struct Decoding {
  const ImageDecoder* decoder;
  const char* format;
};

Result<Decoding> DecodingOf(std::string_view bytes) {
  const OtherFormat* format = FormatOf(bytes);
  if (format == nullptr) return MakeError(ErrorKind::kCorruptData, "it is no picture that is read (JPEG, PNG, TIFF, WebP, GIF, BMP, PPM); leave it out, as with file_extensions");
  const std::string is_a = std::string("it is ") + format->name + " picture, ";
  if (format->decoded_as == nullptr) {
    return MakeError(ErrorKind::kInvalidArgument, is_a + "which read_images() does not read; convert it, or read it with read_binary_files() and map_batches()");
  }
  const ImageDecoder* decoder = GetImageDecoder();
  if (decoder == nullptr) return MakeError(ErrorKind::kInvalidArgument, is_a + "which is read in Python alone; convert it to JPEG or PNG");
  return Decoding{decoder, format->decoded_as};
}

std::atomic<const ImageDecoder*> image_decoder = nullptr;

}  // namespace

void SetImageDecoder(const ImageDecoder* decoder) { image_decoder = decoder; }
const ImageDecoder* GetImageDecoder() { return image_decoder; }

bool IsOtherImage(std::string_view bytes) {
  const OtherFormat* format = FormatOf(bytes);
  return format != nullptr && format->decoded_as != nullptr;
}

bool NeedsWholeFile(std::string_view bytes) {
  const OtherFormat* format = FormatOf(bytes);
  return format != nullptr && format->needs_whole_file;
}

Result<ImageShape> OtherShape(std::string_view bytes) {
  ARROW_ASSIGN_OR_RAISE(const Decoding decoding, DecodingOf(bytes));
  ARROW_ASSIGN_OR_RAISE(const ImageShape shape, decoding.decoder->Shape(decoding.format, bytes));
  const auto is_side = [](int64_t side) { return side >= 1 && side <= kSideMax; };
  if (is_side(shape.height) && is_side(shape.width)) return shape;
  return Status::Invalid("its sides are ", shape.width, " and ", shape.height);
}

Result<Pixels> DecodeOther(std::string_view bytes, const ImageShape& shape, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const Decoding decoding, DecodingOf(bytes));
  ARROW_ASSIGN_OR_RAISE(Pixels pixels, AllocatePixels(shape, pool));
  ARROW_RETURN_NOT_OK(decoding.decoder->Decode(decoding.format, bytes, shape, pixels.bytes->mutable_data()));
  return pixels;
}

}  // namespace millstream
