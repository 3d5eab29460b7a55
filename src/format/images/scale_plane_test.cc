#include "format/images/scale_plane.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "format/images/axis_weights.h"

namespace millstream {
namespace {

Plane RandomPlane(int64_t height, int64_t width, double extent_height, double extent_width, std::mt19937_64* random) {
  Plane plane{nullptr, width + static_cast<int64_t>((*random)() % 9), height, width, extent_height, extent_width};
  plane.bytes = arrow::AllocateBuffer(plane.stride * height).ValueOrDie();
  for (int64_t i = 0; i < plane.bytes->size(); ++i) plane.bytes->mutable_data()[i] = static_cast<uint8_t>((*random)());
  return plane;
}

/// In floating point, from the weights of scaling in full.
double Exact(const Plane& plane, const AxisWeights& down, const AxisWeights& across, int64_t y, int64_t x) {
  double sum = 0;
  for (int64_t i = 0; i < down.count(y); ++i) {
    double of_row = 0;
    for (int64_t j = 0; j < across.count(x); ++j) of_row += plane.bytes->data()[(down.first(y) + i) * plane.stride + across.first(x) + j] * double(across.of(x)[j]);
    sum += of_row * down.of(y)[i];
  }
  return sum / std::pow(2.0, 2 * AxisWeights::kBits);
}

TEST(ScalePlane, VectorsGiveWhatPlainCodeDoesAndBothAreNearTheMean) {
  const uint64_t seed = std::getenv("MILLSTREAM_TEST_SEED") != nullptr ? std::strtoull(std::getenv("MILLSTREAM_TEST_SEED"), nullptr, 10) : std::random_device()();
  SCOPED_TRACE("MILLSTREAM_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto drawn = [&](int64_t most) { return static_cast<int64_t>(1 + random() % static_cast<uint64_t>(most)); };
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t height = drawn(60), width = drawn(90), new_height = drawn(70), new_width = drawn(70);
    const Plane plane = RandomPlane(height, width, double(height) - (trial % 3 == 0 ? 0.5 : 0), double(width) - (trial % 5 == 0 ? 0.5 : 0), &random);
    SCOPED_TRACE(std::to_string(height) + " x " + std::to_string(width) + " to " + std::to_string(new_height) + " x " + std::to_string(new_width));
    const PlaneScaling scaling(plane, new_height, new_width);
    const auto fast = ScalePlane(plane, scaling, arrow::default_memory_pool()).ValueOrDie();
    const auto plain = ScalePlane(plane, scaling, arrow::default_memory_pool(), /*plainly=*/true).ValueOrDie();
    ASSERT_TRUE(fast->Equals(*plain));
    const AxisWeights down(height, plane.extent_height, new_height), across(width, plane.extent_width, new_width);
    for (int64_t y = 0; y < new_height; ++y) {
      for (int64_t x = 0; x < new_width; ++x) ASSERT_NEAR(fast->data()[y * new_width + x], Exact(plane, down, across, y, x), 1.1) << y << ", " << x;
    }
  }
}

TEST(ScalePlane, OneColourStaysWhatItIs) {
  std::mt19937_64 random(1);
  Plane plane = RandomPlane(375, 500, 375, 500, &random);
  for (const uint8_t colour : {0, 1, 127, 254, 255}) {
    std::fill_n(plane.bytes->mutable_data(), plane.bytes->size(), colour);
    const auto scaled = ScalePlane(plane, PlaneScaling(plane, 224, 224), arrow::default_memory_pool()).ValueOrDie();
    for (int64_t i = 0; i < scaled->size(); ++i) ASSERT_EQ(scaled->data()[i], colour);
  }
}

}  // namespace
}  // namespace millstream
