#pragma once
/// JPEG by libjpeg-turbo.

#include <string_view>

#include "format/images/pixels.h"

namespace millstream {

bool IsJpeg(std::string_view bytes);

/// Of the picture as it is stored: 1 or 3 channels; 3 of one in cyan, magenta, yellow and black. Statuses of no kind.
Result<ImageShape> JpegShape(std::string_view bytes);

/// The picture with these channels; with a height and width it is scaled to them, partly while it is decoded. 0: as it is stored.
Result<Pixels> DecodeJpeg(std::string_view bytes, int channels, int64_t height, int64_t width, arrow::MemoryPool* pool);

}  // namespace millstream
