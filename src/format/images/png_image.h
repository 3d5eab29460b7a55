#pragma once
/// PNG by libpng.

#include <string_view>

#include "format/images/pixels.h"

namespace millstream {

bool IsPng(std::string_view bytes);

/// Of the picture as it is stored: 1 channel; 3 of colours, also where they are in a palette; 4 where there is transparency. Statuses of no kind.
Result<ImageShape> PngShape(std::string_view bytes);

/// As PngShape tells; 16 bits are rounded to 8. No gamma is applied.
Result<Pixels> DecodePng(std::string_view bytes, arrow::MemoryPool* pool);

}  // namespace millstream
