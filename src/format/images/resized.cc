#include <algorithm>
#include <cmath>
#include <vector>

#include "format/images/pixels.h"

namespace millstream {
namespace {

constexpr int kWeightBits = 22;  // a sum of 256 * 2^22 stays within an int32
constexpr int32_t kHalf = 1 << (kWeightBits - 1);

/// For each new place of an axis the old ones that it is made of, and their shares.
struct Weights {
  Weights(int64_t old_size, int64_t new_size) {
    const double scale = static_cast<double>(old_size) / static_cast<double>(new_size);
    const double reach = std::max(scale, 1.0);
    std::vector<double> shares;
    for (int64_t place = 0; place < new_size; ++place) {
      const double center = (static_cast<double>(place) + 0.5) * scale;
      const auto begin = std::max<int64_t>(static_cast<int64_t>(center - reach + 0.5), 0);
      const auto end = std::min<int64_t>(static_cast<int64_t>(center + reach + 0.5), old_size);
      shares.clear();
      double sum = 0;
      for (int64_t old = begin; old < end; ++old) {
        shares.push_back(std::max(0.0, 1.0 - std::abs((static_cast<double>(old) - center + 0.5) / reach)));
        sum += shares.back();
      }
      first.push_back(begin);
      offsets.push_back(static_cast<int64_t>(weights.size()));
      for (const double share : shares) weights.push_back(static_cast<int32_t>(share / sum * (1 << kWeightBits) + 0.5));
    }
    offsets.push_back(static_cast<int64_t>(weights.size()));
  }
  int64_t count(int64_t place) const { return offsets[static_cast<size_t>(place) + 1] - offsets[static_cast<size_t>(place)]; }
  const int32_t* of(int64_t place) const { return weights.data() + offsets[static_cast<size_t>(place)]; }

  std::vector<int64_t> first;
  std::vector<int64_t> offsets;
  std::vector<int32_t> weights;
};

uint8_t Rounded(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

template <int kChannels>
void NarrowRow(const Weights& weights, const uint8_t* row, int64_t width, uint8_t* out) {
  for (int64_t place = 0; place < width; ++place, out += kChannels) {
    const uint8_t* from = row + weights.first[static_cast<size_t>(place)] * kChannels;
    const int32_t* weight = weights.of(place);
    const int64_t count = weights.count(place);
    int32_t sums[kChannels];
    std::fill_n(sums, kChannels, kHalf);
    for (int64_t i = 0; i < count; ++i, from += kChannels) {
      for (int channel = 0; channel < kChannels; ++channel) sums[channel] += from[channel] * weight[i];
    }
    for (int channel = 0; channel < kChannels; ++channel) out[channel] = Rounded(sums[channel]);
  }
}

Result<Pixels> WithWidth(const Pixels& pixels, int64_t width, arrow::MemoryPool* pool) {
  const auto [height, old_width, channels] = pixels.shape;
  if (old_width == width) return pixels;
  ARROW_ASSIGN_OR_RAISE(Pixels out, AllocatePixels({height, width, channels}, pool));
  const Weights weights(old_width, width);
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* from = pixels.bytes->data() + y * old_width * channels;
    uint8_t* to = out.bytes->mutable_data() + y * width * channels;
    if (channels == 1) NarrowRow<1>(weights, from, width, to);
    if (channels == 3) NarrowRow<3>(weights, from, width, to);
    if (channels == 4) NarrowRow<4>(weights, from, width, to);
  }
  return out;
}

Result<Pixels> WithHeight(const Pixels& pixels, int64_t height, arrow::MemoryPool* pool) {
  const auto [old_height, width, channels] = pixels.shape;
  if (old_height == height) return pixels;
  ARROW_ASSIGN_OR_RAISE(Pixels out, AllocatePixels({height, width, channels}, pool));
  const Weights weights(old_height, height);
  const int64_t row_bytes = width * channels;
  std::vector<int32_t> sums(static_cast<size_t>(row_bytes));
  for (int64_t place = 0; place < height; ++place) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* from = pixels.bytes->data() + weights.first[static_cast<size_t>(place)] * row_bytes;
    for (int64_t i = 0; i < weights.count(place); ++i, from += row_bytes) {
      const int32_t weight = weights.of(place)[i];
      for (int64_t x = 0; x < row_bytes; ++x) sums[static_cast<size_t>(x)] += from[x] * weight;
    }
    uint8_t* to = out.bytes->mutable_data() + place * row_bytes;
    for (int64_t x = 0; x < row_bytes; ++x) to[x] = Rounded(sums[static_cast<size_t>(x)]);
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
