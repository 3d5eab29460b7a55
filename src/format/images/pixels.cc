#include "format/images/pixels.h"

namespace millstream {
namespace {

uint8_t GrayOf(const uint8_t* rgb) { return static_cast<uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16); }

void ConvertPixel(const uint8_t* from, int from_channels, uint8_t* to, int to_channels) {
  if (to_channels == 1) {
    to[0] = from_channels == 1 ? from[0] : GrayOf(from);
    return;
  }
  for (int channel = 0; channel < 3; ++channel) to[channel] = from[from_channels == 1 ? 0 : channel];
  if (to_channels == 4) to[3] = from_channels == 4 ? from[3] : 255;
}

}  // namespace

Result<Pixels> AllocatePixels(ImageShape shape, arrow::MemoryPool* pool) {
  Pixels pixels{shape, nullptr};
  ARROW_ASSIGN_OR_RAISE(pixels.bytes, arrow::AllocateBuffer(shape.bytes(), pool));
  return pixels;
}

Result<Pixels> WithChannels(Pixels pixels, int channels, arrow::MemoryPool* pool) {
  if (pixels.shape.channels == channels) return pixels;
  ARROW_ASSIGN_OR_RAISE(Pixels converted, AllocatePixels({pixels.shape.height, pixels.shape.width, channels}, pool));
  const uint8_t* from = pixels.bytes->data();
  uint8_t* to = converted.bytes->mutable_data();
  for (int64_t i = 0; i < pixels.shape.height * pixels.shape.width; ++i) ConvertPixel(from + i * pixels.shape.channels, pixels.shape.channels, to + i * channels, channels);
  return converted;
}

}  // namespace millstream
