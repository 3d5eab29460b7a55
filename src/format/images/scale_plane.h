#pragma once
/// One channel of a JPEG picture as it is stored, scaled.

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

/// One channel of a picture, which may be stored with fewer pixels than the picture has. Only a part of the last ones may count.
struct Plane {
  std::shared_ptr<arrow::Buffer> bytes;
  int64_t stride = 0;  // of rows, in bytes
  int64_t height = 0;
  int64_t width = 0;
  double extent_height = 0;
  double extent_width = 0;
};

/// Of which old places of an axis a new one is made, and by which shares: as AxisWeights, in so few bits that a processor multiplies two at a time.
class AxisShares {
 public:
  static constexpr int kBits = 14;  // of a share of 1
  static constexpr int32_t kHalf = 1 << (kBits - 1);
  static constexpr int64_t kNarrow = 8;

  AxisShares(int64_t old_places, double extent, int64_t new_places);
  int64_t places() const { return static_cast<int64_t>(first_.size()); }
  int64_t first(int64_t place) const { return first_[static_cast<size_t>(place)]; }
  int64_t count(int64_t place) const { return offsets_[static_cast<size_t>(place) + 1] - offsets_[static_cast<size_t>(place)]; }
  const int16_t* of(int64_t place) const { return shares_.data() + offsets_[static_cast<size_t>(place)]; }
  /// Whether no new place is made of more than kNarrow old ones; then kNarrow shares from first(place) on, zeros behind those that count.
  bool is_narrow() const { return !narrow_.empty(); }
  const int16_t* narrow(int64_t place) const { return narrow_.data() + place * kNarrow; }

 private:
  std::vector<int64_t> first_;
  std::vector<int64_t> offsets_;
  std::vector<int16_t> shares_;
  std::vector<int16_t> narrow_;
};

/// How a plane is scaled: the same for all of one size.
struct PlaneScaling {
  PlaneScaling(const Plane& plane, int64_t height, int64_t width)
      : down(plane.height, plane.extent_height, height), across(plane.width, plane.extent_width, width) {}
  AxisShares down;
  AxisShares across;
};

/// Each new pixel is the mean of those it covers (as Resized of pixels.h). `plainly`: without instructions that not every processor has; the same comes out.
Result<std::shared_ptr<arrow::Buffer>> ScalePlane(const Plane& plane, const PlaneScaling& scaling, arrow::MemoryPool* pool, bool plainly = false);

}  // namespace millstream
