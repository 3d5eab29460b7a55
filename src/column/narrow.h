#pragma once
/// The shuffle's hot path for fixed-width columns without nulls: rows are scattered into their partition narrowed to
/// `value - base` in as few bytes as the column's statistics promise, and widened again when they are gathered.
///
/// Statistics come from files and may lie, so ScatterNarrow says whether every value fitted; where it did not, the
/// caller scatters that piece again at a greater width. At width == sizeof(T) every value fits (the difference wraps,
/// and GatherWiden's sum wraps back).
///
///   if (!ScatterNarrow(values, positions, count, 2, base, out)) { ... widen the piece and repeat ... }
///   GatherWiden(out, 2, base, indices, count, result);   // result[i] == values at indices[i]
///
/// T is any of the standard integer types of 1 to 8 bytes, float or double; float and double only at their own
/// width, where `base` is ignored and bits (NaN payloads, -0.0) are kept. Nothing here allocates, checks bounds or
/// needs alignment beyond that of T for `values` and `out`-as-T; `width` is 1, 2, 4 or 8 and at most sizeof(T).

#include <cstdint>

namespace millstream {

/// out_w[positions[i]] = values[i] - base in `width` bytes, for i < count. True when every difference fitted into
/// `width` bytes; when false, what was written is meaningless.
template <typename T>
[[nodiscard]] bool ScatterNarrow(const T* values, const uint32_t* positions, int64_t count, int width, T base,
                                 uint8_t* out);

/// out[i] = base + src_w[indices[i]], for i < count.
template <typename T>
void GatherWiden(const uint8_t* src, int width, T base, const uint32_t* indices, int64_t count, T* out);

template <typename T>
struct Range {
  T min;
  T max;
};

/// The least and greatest of values[0, count), count > 0; integers only, for NaN has no place in an order.
template <typename T>
Range<T> MinMax(const T* values, int64_t count);

/// The least of {1, 2, 4, 8} bytes that holds max - min, at most sizeof(T).
template <typename T>
int NarrowWidth(Range<T> range);

/// out[positions[i]] = values[i], and out[i] = values[indices[i]], for elements of `width` bytes (1, 2, 4, 8, 12, 16
/// and 32 are fast, any other works). No alignment is needed.
void ScatterBytes(const uint8_t* values, int width, const uint32_t* positions, int64_t count, uint8_t* out);
void GatherBytes(const uint8_t* values, int width, const uint32_t* indices, int64_t count, uint8_t* out);

}  // namespace millstream
