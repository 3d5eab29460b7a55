#include "format/images/scale_plane.h"

#include <algorithm>
#include <cstring>

#include "format/images/axis_weights.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millstream {
namespace {

uint8_t Rounded(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> AxisShares::kBits, 0, 255)); }

/// Row `place` of the new height, from bytes [begin, end) on.
void MixPlain(const uint8_t* rows, int64_t stride, const int16_t* shares, int64_t count, int64_t begin, int64_t end, uint8_t* out) {
  for (int64_t x = begin; x < end; ++x) {
    int32_t sum = AxisShares::kHalf;
    for (int64_t i = 0; i < count; ++i) sum += rows[i * stride + x] * shares[i];
    out[x] = Rounded(sum);
  }
}

void NarrowPlain(const AxisShares& shares, const uint8_t* row, int64_t begin, uint8_t* out) {
  for (int64_t place = begin; place < shares.places(); ++place) {
    const uint8_t* from = row + shares.first(place);
    const int16_t* share = shares.of(place);
    int32_t sum = AxisShares::kHalf;
    for (int64_t i = 0; i < shares.count(place); ++i) sum += from[i] * share[i];
    out[place] = Rounded(sum);
  }
}

#if defined(__x86_64__)
const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;
constexpr int64_t kBlock = 16;

/// Sixteen bytes, of two rows at a time.
__attribute__((target("avx2"))) inline void MixBlock(const uint8_t* rows, int64_t stride, const int16_t* shares, int64_t count, uint8_t* out) {
  __m256i low = _mm256_set1_epi32(AxisShares::kHalf), high = low;
  for (int64_t i = 0; i < count; i += 2) {
    const bool is_pair = i + 1 < count;
    const __m128i upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + i * stride));
    const __m128i lower = is_pair ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + (i + 1) * stride)) : _mm_setzero_si128();
    const uint32_t pair = static_cast<uint16_t>(shares[i]) | (is_pair ? static_cast<uint32_t>(static_cast<uint16_t>(shares[i + 1])) << 16 : 0);
    const __m256i factors = _mm256_set1_epi32(static_cast<int32_t>(pair));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(upper, lower)), factors));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(upper, lower)), factors));
  }
  // Packing goes half by half.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_srai_epi32(low, AxisShares::kBits), _mm256_srai_epi32(high, AxisShares::kBits)), 0b11011000);
  const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}

__attribute__((target("avx2"))) void MixAvx2(const uint8_t* rows, int64_t stride, const int16_t* shares, int64_t count, int64_t width, uint8_t* out) {
  if (width < kBlock) return MixPlain(rows, stride, shares, count, 0, width, out);
  for (int64_t x = 0; x < width; x += kBlock) {
    const int64_t at = std::min(x, width - kBlock);  // the last ones twice
    MixBlock(rows + at, stride, shares, count, out + at);
  }
}

/// Eight places at a time, each of eight bytes.
__attribute__((target("avx2"))) void NarrowAvx2(const AxisShares& shares, const uint8_t* row, uint8_t* out) {
  const auto products = [&](int64_t place) __attribute__((target("avx2"))) {
    const auto load = [&](int64_t at) __attribute__((target("avx2"))) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + shares.first(at))); };
    const __m256i bytes = _mm256_cvtepu8_epi16(_mm_unpacklo_epi64(load(place), load(place + 1)));
    return _mm256_madd_epi16(bytes, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shares.narrow(place))));
  };
  int64_t place = 0;
  for (; place + 8 <= shares.places(); place += 8) {
    // Even places in the lower half, odd ones in the upper.
    const __m256i quads = _mm256_hadd_epi32(_mm256_hadd_epi32(products(place), products(place + 2)), _mm256_hadd_epi32(products(place + 4), products(place + 6)));
    const __m256i sums = _mm256_srai_epi32(_mm256_add_epi32(quads, _mm256_set1_epi32(AxisShares::kHalf)), AxisShares::kBits);
    const __m128i even = _mm256_castsi256_si128(sums), odd = _mm256_extracti128_si256(sums, 1);
    const __m128i words = _mm_packs_epi32(_mm_unpacklo_epi32(even, odd), _mm_unpackhi_epi32(even, odd));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + place), _mm_packus_epi16(words, words));
  }
  NarrowPlain(shares, row, place, out);
}
#endif

bool UsesVectors(bool plainly) {
#if defined(__x86_64__)
  return kHasAvx2 && !plainly;
#else
  return false;
#endif
}

void Mix(const uint8_t* rows, int64_t stride, const int16_t* shares, int64_t count, int64_t width, uint8_t* out, bool vectors) {
#if defined(__x86_64__)
  if (vectors) return MixAvx2(rows, stride, shares, count, width, out);
#endif
  MixPlain(rows, stride, shares, count, 0, width, out);
}

void Narrow(const AxisShares& shares, const uint8_t* row, uint8_t* out, bool vectors) {
#if defined(__x86_64__)
  if (vectors && shares.is_narrow()) return NarrowAvx2(shares, row, out);
#endif
  NarrowPlain(shares, row, 0, out);
}

}  // namespace

AxisShares::AxisShares(int64_t old_places, double extent, int64_t new_places) {
  const AxisWeights weights(old_places, extent, new_places);
  constexpr int kDropped = AxisWeights::kBits - kBits;
  first_.reserve(static_cast<size_t>(new_places));
  offsets_.reserve(static_cast<size_t>(new_places) + 1);
  int64_t most = 0;
  for (int64_t place = 0; place < new_places; ++place) {
    first_.push_back(weights.first(place));
    offsets_.push_back(static_cast<int64_t>(shares_.size()));
    const int64_t count = weights.count(place);
    most = std::max(most, count);
    int32_t rest = 1 << kBits;
    for (int64_t i = 0; i < count; ++i) {
      shares_.push_back(static_cast<int16_t>((weights.of(place)[i] + (1 << (kDropped - 1))) >> kDropped));
      rest -= shares_.back();
    }
    // One colour all over stays what it is.
    *std::max_element(shares_.end() - count, shares_.end()) += static_cast<int16_t>(rest);
  }
  offsets_.push_back(static_cast<int64_t>(shares_.size()));
  if (most > kNarrow) return;
  narrow_.resize(static_cast<size_t>(new_places * kNarrow));
  for (int64_t place = 0; place < new_places; ++place) std::copy_n(of(place), count(place), narrow_.data() + place * kNarrow);
}

Result<std::shared_ptr<arrow::Buffer>> ScalePlane(const Plane& plane, const PlaneScaling& scaling, arrow::MemoryPool* pool, bool plainly) {
  const int64_t height = scaling.down.places(), width = scaling.across.places();
  const bool vectors = UsesVectors(plainly);
  // A row stays in the nearest cache while it is narrowed; bytes behind it may be read.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> row, arrow::AllocateBuffer(plane.width + AxisShares::kNarrow, pool));
  std::memset(row->mutable_data() + plane.width, 0, AxisShares::kNarrow);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> out, arrow::AllocateBuffer(height * width, pool));
  for (int64_t place = 0; place < height; ++place) {
    const uint8_t* from = plane.bytes->data() + scaling.down.first(place) * plane.stride;
    Mix(from, plane.stride, scaling.down.of(place), scaling.down.count(place), plane.width, row->mutable_data(), vectors);
    Narrow(scaling.across, row->data(), out->mutable_data() + place * width, vectors);
  }
  return out;
}

}  // namespace millstream
