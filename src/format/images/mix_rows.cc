#include "format/images/mix_rows.h"

#include <algorithm>
#include <cstring>

#include "format/images/axis_weights.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millstream {
namespace {

constexpr int64_t kBlock = 64;  // loops of a known length are done with vectors

template <typename Value>
[[gnu::always_inline]] inline void MixBlock(const uint8_t* rows, int64_t stride, const int32_t* weights, int64_t count, Value width, uint8_t* out) {
  int32_t sums[kBlock];
  for (int64_t x = 0; x < width; ++x) sums[x] = AxisWeights::kHalf;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* row = rows + i * stride;
    const int32_t weight = weights[i];
    for (int64_t x = 0; x < width; ++x) sums[x] += row[x] * weight;
  }
  for (int64_t x = 0; x < width; ++x) out[x] = AxisWeights::Rounded(sums[x]);
}

[[gnu::always_inline]] inline void MixAll(const uint8_t* rows, int64_t stride, const int32_t* weights, int64_t count, int64_t width, uint8_t* out) {
  int64_t x = 0;
  for (; x + kBlock <= width; x += kBlock) MixBlock(rows + x, stride, weights, count, std::integral_constant<int64_t, kBlock>(), out + x);
  if (x < width) MixBlock(rows + x, stride, weights, count, width - x, out + x);
}

constexpr int kColorBits = 16;
constexpr int32_t Fixed(double factor) { return static_cast<int32_t>(factor * (1 << kColorBits) + 0.5); }

[[gnu::always_inline]] inline void ColorsOf(uint8_t y, uint8_t cb, uint8_t cr, uint8_t* red, uint8_t* green, uint8_t* blue) {
  const int32_t luminance = (y << kColorBits) + (1 << (kColorBits - 1));
  const int32_t b = cb - 128, r = cr - 128;
  *red = static_cast<uint8_t>(std::clamp((luminance + Fixed(1.402) * r) >> kColorBits, 0, 255));
  *green = static_cast<uint8_t>(std::clamp((luminance - Fixed(0.344136) * b - Fixed(0.714136) * r) >> kColorBits, 0, 255));
  *blue = static_cast<uint8_t>(std::clamp((luminance + Fixed(1.772) * b) >> kColorBits, 0, 255));
}

void RgbOfSome(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int64_t count, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i) ColorsOf(y[i], cb[i], cr[i], rgb + 3 * i, rgb + 3 * i + 1, rgb + 3 * i + 2);
}

#if defined(__x86_64__)
const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;

__attribute__((target("avx2"))) void MixAvx2(const uint8_t* rows, int64_t stride, const int32_t* weights, int64_t count, int64_t width, uint8_t* out) {
  MixAll(rows, stride, weights, count, width, out);
}

/// 16 pixels, red, green and blue in turn.
__attribute__((target("avx2"))) void Interleave(const uint8_t* red, const uint8_t* green, const uint8_t* blue, uint8_t* rgb) {
  constexpr int8_t _ = -1;  // a zero
  const __m128i r = _mm_loadu_si128(reinterpret_cast<const __m128i*>(red));
  const __m128i g = _mm_loadu_si128(reinterpret_cast<const __m128i*>(green));
  const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blue));
  const auto put = [&](int at, __m128i of_r, __m128i of_g, __m128i of_b) __attribute__((target("avx2"))) {
    const __m128i mixed = _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(r, of_r), _mm_shuffle_epi8(g, of_g)), _mm_shuffle_epi8(b, of_b));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rgb + at), mixed);
  };
  put(0, _mm_setr_epi8(0, _, _, 1, _, _, 2, _, _, 3, _, _, 4, _, _, 5), _mm_setr_epi8(_, 0, _, _, 1, _, _, 2, _, _, 3, _, _, 4, _, _),
      _mm_setr_epi8(_, _, 0, _, _, 1, _, _, 2, _, _, 3, _, _, 4, _));
  put(16, _mm_setr_epi8(_, _, 6, _, _, 7, _, _, 8, _, _, 9, _, _, 10, _), _mm_setr_epi8(5, _, _, 6, _, _, 7, _, _, 8, _, _, 9, _, _, 10),
      _mm_setr_epi8(_, 5, _, _, 6, _, _, 7, _, _, 8, _, _, 9, _, _));
  put(32, _mm_setr_epi8(_, 11, _, _, 12, _, _, 13, _, _, 14, _, _, 15, _, _), _mm_setr_epi8(_, _, 11, _, _, 12, _, _, 13, _, _, 14, _, _, 15, _),
      _mm_setr_epi8(10, _, _, 11, _, _, 12, _, _, 13, _, _, 14, _, _, 15));
}

__attribute__((target("avx2"))) void RgbAvx2(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int64_t count, uint8_t* rgb) {
  int64_t begin = 0;
  for (; begin + kBlock <= count; begin += kBlock) {
    uint8_t red[kBlock], green[kBlock], blue[kBlock];
    for (int64_t i = 0; i < kBlock; ++i) ColorsOf(y[begin + i], cb[begin + i], cr[begin + i], red + i, green + i, blue + i);
    for (int64_t i = 0; i < kBlock; i += 16) Interleave(red + i, green + i, blue + i, rgb + 3 * (begin + i));
  }
  RgbOfSome(y + begin, cb + begin, cr + begin, count - begin, rgb + 3 * begin);
}
#endif

}  // namespace

void MixRows(const uint8_t* rows, int64_t stride, const int32_t* weights, int64_t count, int64_t width, uint8_t* out) {
#if defined(__x86_64__)
  if (kHasAvx2) return MixAvx2(rows, stride, weights, count, width, out);
#endif
  MixAll(rows, stride, weights, count, width, out);
}

void RgbOfYcc(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int64_t count, uint8_t* rgb) {
#if defined(__x86_64__)
  if (kHasAvx2) return RgbAvx2(y, cb, cr, count, rgb);
#endif
  RgbOfSome(y, cb, cr, count, rgb);
}

}  // namespace millstream
