#include <algorithm>

#include "format/images/axis_weights.h"
#include "format/images/mix_rows.h"
#include "format/images/pixels.h"

namespace millstream {
namespace {

template <int kChannels>
void NarrowPixels(const AxisWeights& weights, const uint8_t* row, int64_t width, uint8_t* out) {
  for (int64_t place = 0; place < width; ++place, out += kChannels) {
    const uint8_t* from = row + weights.first(place) * kChannels;
    const int32_t* weight = weights.of(place);
    const int64_t count = weights.count(place);
    int32_t sums[kChannels];
    std::fill_n(sums, kChannels, AxisWeights::kHalf);
    for (int64_t i = 0; i < count; ++i, from += kChannels) {
      for (int channel = 0; channel < kChannels; ++channel) sums[channel] += from[channel] * weight[i];
    }
    for (int channel = 0; channel < kChannels; ++channel) out[channel] = AxisWeights::Rounded(sums[channel]);
  }
}

Result<Pixels> WithWidth(const Pixels& pixels, int64_t width, arrow::MemoryPool* pool) {
  const auto [height, old_width, channels] = pixels.shape;
  if (old_width == width) return pixels;
  ARROW_ASSIGN_OR_RAISE(Pixels out, AllocatePixels({height, width, channels}, pool));
  const AxisWeights weights(old_width, static_cast<double>(old_width), width);
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* from = pixels.bytes->data() + y * old_width * channels;
    uint8_t* to = out.bytes->mutable_data() + y * width * channels;
    if (channels == 1) NarrowPixels<1>(weights, from, width, to);
    if (channels == 3) NarrowPixels<3>(weights, from, width, to);
    if (channels == 4) NarrowPixels<4>(weights, from, width, to);
  }
  return out;
}

Result<Pixels> WithHeight(const Pixels& pixels, int64_t height, arrow::MemoryPool* pool) {
  const auto [old_height, width, channels] = pixels.shape;
  if (old_height == height) return pixels;
  ARROW_ASSIGN_OR_RAISE(Pixels out, AllocatePixels({height, width, channels}, pool));
  const AxisWeights weights(old_height, static_cast<double>(old_height), height);
  const int64_t row_bytes = width * channels;
  for (int64_t place = 0; place < height; ++place) {
    MixRows(pixels.bytes->data() + weights.first(place) * row_bytes, row_bytes, weights.of(place), weights.count(place), row_bytes, out.bytes->mutable_data() + place * row_bytes);
  }
  return out;
}

uint8_t Product(uint8_t a, uint8_t b) {
  const uint32_t product = a * uint32_t{b} + 128;
  return static_cast<uint8_t>((product + (product >> 8)) >> 8);
}

/// Pixels that are not seen must not colour those beside them.
void MultiplyAlpha(Pixels* pixels) {
  uint8_t* at = pixels->bytes->mutable_data();
  for (int64_t i = 0; i < pixels->shape.height * pixels->shape.width; ++i, at += 4) {
    for (int channel = 0; channel < 3; ++channel) at[channel] = Product(at[channel], at[3]);
  }
}
void DivideAlpha(Pixels* pixels) {
  uint8_t* at = pixels->bytes->mutable_data();
  for (int64_t i = 0; i < pixels->shape.height * pixels->shape.width; ++i, at += 4) {
    if (at[3] == 0 || at[3] == 255) continue;
    for (int channel = 0; channel < 3; ++channel) at[channel] = static_cast<uint8_t>(std::min(255 * at[channel] / at[3], 255));
  }
}

}  // namespace

Result<Pixels> Resized(Pixels pixels, int64_t height, int64_t width, arrow::MemoryPool* pool) {
  if (pixels.shape.height == height && pixels.shape.width == width) return pixels;
  const bool has_alpha = pixels.shape.channels == 4;
  if (has_alpha) MultiplyAlpha(&pixels);
  ARROW_ASSIGN_OR_RAISE(pixels, WithWidth(pixels, width, pool));
  ARROW_ASSIGN_OR_RAISE(pixels, WithHeight(pixels, height, pool));
  if (has_alpha) DivideAlpha(&pixels);
  return pixels;
}

}  // namespace millstream
