#pragma once
/// JPEG by libjpeg-turbo.

#include <string_view>

#include "format/images/pixels.h"

namespace millstream {

bool IsJpeg(std::string_view bytes);

/// Of the picture as it is stored: 1 or 3 channels; 3 of one in cyan, magenta, yellow and black. Statuses of no kind.
Result<ImageShape> JpegShape(std::string_view bytes);

/// The picture with these channels, scaled down by eighths while it is decoded as far as neither side gets shorter than it is to be; 0: not scaled.
Result<Pixels> DecodeJpeg(std::string_view bytes, int channels, int64_t height_min, int64_t width_min, arrow::MemoryPool* pool);

}  // namespace millstream
