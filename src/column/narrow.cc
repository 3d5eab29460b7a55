#include "column/narrow.h"

#if defined(__SSE2__) && defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

// Clones for wide registers are chosen at the call, not by an ifunc: its resolver would run before a sanitizer's start.
#if defined(__x86_64__) && defined(__GNUC__)
#define MILLSTREAM_X86_CLONES 1
#endif

namespace millstream {
namespace {

// Fewer are taken up again before they would have left the caches.
constexpr int64_t kBytesWorthStreaming = 4096;

// Elements of a width without an arithmetic type.
template <int kWidth>
struct Opaque {
  uint8_t bytes[kWidth];
};

template <typename T>
inline T Load(const uint8_t* from, int64_t index) {
  T value;
  std::memcpy(&value, from + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
inline void Store(uint8_t* to, int64_t index, const T& value) {
  std::memcpy(to + index * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

template <typename Element>
void ScatterCopy(const uint8_t* values, const uint32_t* positions, int64_t count, uint8_t* out) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const Element a = Load<Element>(values, i), b = Load<Element>(values, i + 1);
    const Element c = Load<Element>(values, i + 2), d = Load<Element>(values, i + 3);
    Store(out, positions[i], a);
    Store(out, positions[i + 1], b);
    Store(out, positions[i + 2], c);
    Store(out, positions[i + 3], d);
  }
  for (; i < count; ++i) Store(out, positions[i], Load<Element>(values, i));
}

template <typename Element>
void GatherCopy(const uint8_t* values, const uint32_t* indices, int64_t count, uint8_t* out) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const Element a = Load<Element>(values, indices[i]), b = Load<Element>(values, indices[i + 1]);
    const Element c = Load<Element>(values, indices[i + 2]), d = Load<Element>(values, indices[i + 3]);
    Store(out, i, a);
    Store(out, i + 1, b);
    Store(out, i + 2, c);
    Store(out, i + 3, d);
  }
  for (; i < count; ++i) Store(out, i, Load<Element>(values, indices[i]));
}

template <typename U, typename Narrow>
bool ScatterDifferences(const U* values, const uint32_t* positions, int64_t count, U base, uint8_t* out) {
  U seen = 0;
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const U a = values[i] - base, b = values[i + 1] - base, c = values[i + 2] - base, d = values[i + 3] - base;
    Store(out, positions[i], static_cast<Narrow>(a));
    Store(out, positions[i + 1], static_cast<Narrow>(b));
    Store(out, positions[i + 2], static_cast<Narrow>(c));
    Store(out, positions[i + 3], static_cast<Narrow>(d));
    seen |= (a | b) | (c | d);
  }
  for (; i < count; ++i) {
    const U difference = values[i] - base;
    Store(out, positions[i], static_cast<Narrow>(difference));
    seen |= difference;
  }
  return static_cast<Narrow>(seen) == seen;
}

// Stores past the caches where the processor can: what is gathered is read much later, on another CPU, and to write it through the caches would read it
// first and drive out what is gathered from.
template <typename U>
inline void StorePastCaches(U* to, U value) {
#if defined(__SSE2__) && defined(__x86_64__)
  if constexpr (sizeof(U) == 8) return _mm_stream_si64(reinterpret_cast<long long*>(to), static_cast<long long>(value));
  if constexpr (sizeof(U) == 4) return _mm_stream_si32(reinterpret_cast<int*>(to), static_cast<int>(value));
#endif
  *to = value;
}

// Before other threads are told of stores past the caches.
inline void EndStoresPastCaches() {
#if defined(__SSE2__) && defined(__x86_64__)
  _mm_sfence();
#endif
}

template <typename U, typename Narrow>
void GatherSums(const uint8_t* src, U base, const uint32_t* indices, int64_t count, U* out) {
  const auto sum = [&](int64_t i) { return static_cast<U>(static_cast<U>(Load<Narrow>(src, indices[i])) + base); };
  int64_t i = 0;
  if (count * static_cast<int64_t>(sizeof(U)) >= kBytesWorthStreaming) {
    for (; i + 4 <= count; i += 4) {
      const U a = sum(i), b = sum(i + 1), c = sum(i + 2), d = sum(i + 3);
      StorePastCaches<U>(out + i, a);
      StorePastCaches<U>(out + i + 1, b);
      StorePastCaches<U>(out + i + 2, c);
      StorePastCaches<U>(out + i + 3, d);
    }
    EndStoresPastCaches();
  }
  for (; i < count; ++i) out[i] = sum(i);
}

// Calls `body` with a value of the unsigned type of `width` bytes; only widths up to that of U are instantiated.
template <typename U, typename Body>
auto WithNarrowType(int width, Body&& body) {
  if constexpr (sizeof(U) > 1) {
    if (width == 1) return body(uint8_t{});
  }
  if constexpr (sizeof(U) > 2) {
    if (width == 2) return body(uint16_t{});
  }
  if constexpr (sizeof(U) > 4) {
    if (width == 4) return body(uint32_t{});
  }
  return body(U{});
}

// Small unsigned types would be promoted to int in a difference, and its high bits would seem to be set.
template <typename T>
using Unsigned = std::make_unsigned_t<T>;

template <typename T>
inline __attribute__((always_inline)) Range<T> ScalarMinMax(const T* values, int64_t count, Range<T> range) {
  for (int64_t i = 0; i < count; ++i) {
    range.min = std::min(range.min, values[i]);
    range.max = std::max(range.max, values[i]);
  }
  return range;
}

#if defined(__GNUC__)
template <typename T>
inline __attribute__((always_inline)) Range<T> LaneMinMax(const T* values, int64_t count) {
  constexpr int64_t kLanes = 64 / sizeof(T);
  typedef T Lanes __attribute__((vector_size(64)));
  Range<T> range{values[0], values[0]};
  int64_t i = 0;
  if (count >= 2 * kLanes) {
    Lanes low, high, first, second;
    std::memcpy(&low, values, sizeof(Lanes));
    high = low;
    for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
      std::memcpy(&first, values + i, sizeof(Lanes));
      std::memcpy(&second, values + i + kLanes, sizeof(Lanes));
      const Lanes less = first < second ? first : second;
      const Lanes more = first < second ? second : first;
      low = less < low ? less : low;
      high = more > high ? more : high;
    }
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      range.min = std::min(range.min, static_cast<T>(low[lane]));
      range.max = std::max(range.max, static_cast<T>(high[lane]));
    }
  }
  return ScalarMinMax(values + i, count - i, range);
}
#endif

#ifdef MILLSTREAM_X86_CLONES
template <typename T>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) Range<T> MinMaxAvx512(const T* values, int64_t count) {
  return LaneMinMax(values, count);
}
template <typename T>
__attribute__((target("avx2"))) Range<T> MinMaxAvx2(const T* values, int64_t count) {
  return LaneMinMax(values, count);
}

enum class Lanes { kNone, kAvx2, kAvx512 };

Lanes DetectLanes() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return Lanes::kAvx512;
  }
  return __builtin_cpu_supports("avx2") ? Lanes::kAvx2 : Lanes::kNone;
}
#endif

}  // namespace

template <typename T>
bool ScatterNarrow(const T* values, const uint32_t* positions, int64_t count, int width, T base, uint8_t* out) {
  if constexpr (std::is_floating_point_v<T>) {
    ScatterCopy<T>(reinterpret_cast<const uint8_t*>(values), positions, count, out);
    return width == static_cast<int>(sizeof(T));
  } else {
    using U = Unsigned<T>;
    return WithNarrowType<U>(width, [&](auto narrow) {
      return ScatterDifferences<U, decltype(narrow)>(reinterpret_cast<const U*>(values), positions, count,
                                                     static_cast<U>(base), out);
    });
  }
}

template <typename T>
void GatherWiden(const uint8_t* src, int width, T base, const uint32_t* indices, int64_t count, T* out) {
  if constexpr (std::is_floating_point_v<T>) {
    GatherCopy<T>(src, indices, count, reinterpret_cast<uint8_t*>(out));
  } else {
    using U = Unsigned<T>;
    WithNarrowType<U>(width, [&](auto narrow) {
      GatherSums<U, decltype(narrow)>(src, static_cast<U>(base), indices, count, reinterpret_cast<U*>(out));
    });
  }
}

template <typename T>
Range<T> MinMax(const T* values, int64_t count) {
#ifdef MILLSTREAM_X86_CLONES
  static const Lanes lanes = DetectLanes();
  if (lanes == Lanes::kAvx512) return MinMaxAvx512(values, count);
  if (lanes == Lanes::kAvx2) return MinMaxAvx2(values, count);
#endif
  return ScalarMinMax(values, count, Range<T>{values[0], values[0]});
}

template <typename T>
int NarrowWidth(Range<T> range) {
  const uint64_t spread =
      static_cast<Unsigned<T>>(static_cast<Unsigned<T>>(range.max) - static_cast<Unsigned<T>>(range.min));
  if (spread <= std::numeric_limits<uint8_t>::max()) return 1;
  if (spread <= std::numeric_limits<uint16_t>::max()) return 2;
  return spread <= std::numeric_limits<uint32_t>::max() ? 4 : 8;
}

void ScatterBytes(const uint8_t* values, int width, const uint32_t* positions, int64_t count, uint8_t* out) {
  switch (width) {
    case 1: return ScatterCopy<uint8_t>(values, positions, count, out);
    case 2: return ScatterCopy<uint16_t>(values, positions, count, out);
    case 4: return ScatterCopy<uint32_t>(values, positions, count, out);
    case 8: return ScatterCopy<uint64_t>(values, positions, count, out);
    case 12: return ScatterCopy<Opaque<12>>(values, positions, count, out);
    case 16: return ScatterCopy<Opaque<16>>(values, positions, count, out);
    case 32: return ScatterCopy<Opaque<32>>(values, positions, count, out);
    case 0: return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(out + static_cast<int64_t>(positions[i]) * width, values + i * width, static_cast<size_t>(width));
  }
}

void GatherBytes(const uint8_t* values, int width, const uint32_t* indices, int64_t count, uint8_t* out) {
  switch (width) {
    case 1: return GatherCopy<uint8_t>(values, indices, count, out);
    case 2: return GatherCopy<uint16_t>(values, indices, count, out);
    case 4: return GatherCopy<uint32_t>(values, indices, count, out);
    case 8: return GatherCopy<uint64_t>(values, indices, count, out);
    case 12: return GatherCopy<Opaque<12>>(values, indices, count, out);
    case 16: return GatherCopy<Opaque<16>>(values, indices, count, out);
    case 32: return GatherCopy<Opaque<32>>(values, indices, count, out);
    case 0: return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(out + i * width, values + static_cast<int64_t>(indices[i]) * width, static_cast<size_t>(width));
  }
}

#define MILLSTREAM_NARROW_COPIES(T)                                                     \
  template bool ScatterNarrow<T>(const T*, const uint32_t*, int64_t, int, T, uint8_t*); \
  template void GatherWiden<T>(const uint8_t*, int, T, const uint32_t*, int64_t, T*);
#define MILLSTREAM_NARROW_INTEGERS(T)             \
  MILLSTREAM_NARROW_COPIES(T)                     \
  template Range<T> MinMax<T>(const T*, int64_t); \
  template int NarrowWidth<T>(Range<T>);

MILLSTREAM_NARROW_INTEGERS(int8_t)
MILLSTREAM_NARROW_INTEGERS(uint8_t)
MILLSTREAM_NARROW_INTEGERS(int16_t)
MILLSTREAM_NARROW_INTEGERS(uint16_t)
MILLSTREAM_NARROW_INTEGERS(int32_t)
MILLSTREAM_NARROW_INTEGERS(uint32_t)
MILLSTREAM_NARROW_INTEGERS(int64_t)
MILLSTREAM_NARROW_INTEGERS(uint64_t)
MILLSTREAM_NARROW_COPIES(float)
MILLSTREAM_NARROW_COPIES(double)

}  // namespace millstream
