#pragma once
/// Pictures in memory: rows from the top, pixels from the left, 1 (gray), 3 (red, green, blue) or 4 (with alpha, not multiplied in) bytes each.

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.h"

namespace millstream {

struct ImageShape {
  int64_t height = 0;
  int64_t width = 0;
  int channels = 0;
  int64_t bytes() const { return height * width * channels; }
  bool operator==(const ImageShape&) const = default;
};

struct Pixels {
  ImageShape shape;
  std::shared_ptr<arrow::Buffer> bytes;
};

/// Undefined bytes for a picture.
Result<Pixels> AllocatePixels(ImageShape shape, arrow::MemoryPool* pool);

/// Gray is 0.299 red + 0.587 green + 0.114 blue; alpha is dropped, or 255.
Result<Pixels> WithChannels(Pixels pixels, int channels, arrow::MemoryPool* pool);

/// Each new pixel is the mean of those it covers, weighted by their distance (a triangle, as wide as two old pixels, or two new ones where they are larger).
Result<Pixels> Resized(Pixels pixels, int64_t height, int64_t width, arrow::MemoryPool* pool);

}  // namespace millstream
