#pragma once
/// A picture file's bytes as the pixels that are asked for. What it is, is told by its first bytes.

#include <string>
#include <string_view>

#include "format/images/pixels.h"
#include "millstream/read_limits.h"

namespace millstream {

/// As PIL calls them.
enum class ImageMode : uint8_t { kAsStored, kGray, kRgb, kRgba };

struct ImageOptions {
  /// Both or none.
  int64_t height = 0;
  int64_t width = 0;
  ImageMode mode = ImageMode::kAsStored;
  /// A picture with more is refused; before it is decoded.
  int64_t pixels_max = ReadLimits{}.pixels;

  bool resizes() const { return height > 0; }
};

/// Whether the bytes begin as a picture that is read.
bool IsImage(std::string_view bytes);

/// kInvalidArgument where what is asked for is larger than a value can be.
Status CheckSize(const ImageOptions& options);

/// Of the picture as ReadImage gives it. kCorruptData for what is no picture, kInvalidArgument for one that is too large or of a format that is not read, without the
/// name of the file.
Result<ImageShape> ImageShapeOf(std::string_view bytes, const ImageOptions& options);

Result<Pixels> ReadImage(std::string_view bytes, const ImageOptions& options, arrow::MemoryPool* pool);

}  // namespace millstream
