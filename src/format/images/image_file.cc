#include "format/images/image_file.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "format/images/jpeg_image.h"
#include "format/images/other_image.h"
#include "format/images/png_image.h"
#include "format/limits.h"

namespace millstream {
namespace {

/// Of four bytes each, as many as a tensor can have.
constexpr int64_t kPixelsMax = std::numeric_limits<int32_t>::max() / 4;

int ChannelsOf(ImageMode mode, int stored) {
  switch (mode) {
    case ImageMode::kGray: return 1;
    case ImageMode::kRgb: return 3;
    case ImageMode::kRgba: return 4;
    default: return stored;
  }
}

Status Damaged(const Status& status) {
  if (status.detail() != nullptr || status.IsOutOfMemory()) return status;
  return MakeError(ErrorKind::kCorruptData, "it is damaged: " + status.message() + "; write it again, or leave it out");
}

}  // namespace

bool IsImage(std::string_view bytes) { return IsJpeg(bytes) || IsPng(bytes) || IsOtherImage(bytes); }

Status CheckSize(const ImageOptions& options) {
  if (options.height <= kPixelsMax && options.width <= kPixelsMax && options.height * options.width <= kPixelsMax) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, "read_images: a size of " + std::to_string(options.height) + " x " + std::to_string(options.width) + " is more than a value can have");
}

namespace {

Result<ImageShape> StoredShape(std::string_view bytes, const ImageOptions& options) {
  const auto shape = IsJpeg(bytes) ? JpegShape(bytes) : IsPng(bytes) ? PngShape(bytes) : OtherShape(bytes);
  if (!shape.ok()) return Damaged(shape.status());
  if (shape->height * shape->width <= std::min(options.pixels_max, kPixelsMax)) return shape;
  const std::string what = "it has " + std::to_string(shape->width) + " x " + std::to_string(shape->height) + " pixels, more than the ";
  if (options.pixels_max < kPixelsMax) return OverLimit(what + std::to_string(options.pixels_max) + " that are allowed", "pixels");
  return MakeError(ErrorKind::kInvalidArgument, what + std::to_string(kPixelsMax) + " that a value can have; scale it down, or leave it out");
}

}  // namespace

Result<ImageShape> ImageShapeOf(std::string_view bytes, const ImageOptions& options) {
  ARROW_ASSIGN_OR_RAISE(ImageShape shape, StoredShape(bytes, options));
  shape.channels = ChannelsOf(options.mode, shape.channels);
  if (options.resizes()) shape.height = options.height, shape.width = options.width;
  return shape;
}

Result<Pixels> ReadImage(std::string_view bytes, const ImageOptions& options, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const ImageShape stored, StoredShape(bytes, options));
  const int channels = ChannelsOf(options.mode, stored.channels);
  auto decoded = IsJpeg(bytes)  ? DecodeJpeg(bytes, channels, options.height, options.width, pool)
                 : IsPng(bytes) ? DecodePng(bytes, pool)
                                : DecodeOther(bytes, stored, pool);
  if (!decoded.ok()) return Damaged(decoded.status());
  ARROW_ASSIGN_OR_RAISE(Pixels pixels, WithChannels(std::move(*decoded), channels, pool));
  return options.resizes() ? Resized(std::move(pixels), options.height, options.width, pool) : pixels;
}

}  // namespace millstream
