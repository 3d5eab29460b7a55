#pragma once
/// The inner loops of scaling and of colours, for the processor that runs them.

#include <cstdint>

#include "format/images/axis_weights.h"

namespace millstream {

/// out[x] = the sum of row i's byte x times weights[i] (AxisWeights), rounded; rows lie `stride` bytes apart.
void MixRows(const uint8_t* rows, int64_t stride, const int32_t* weights, int64_t count, int64_t width, uint8_t* out);

/// Red, green and blue of JPEG's luminance and colour differences.
void RgbOfYcc(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int64_t count, uint8_t* rgb);

}  // namespace millstream
