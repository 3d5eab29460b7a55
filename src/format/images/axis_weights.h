#pragma once
/// Of which old places of an axis a new one is made, and by which shares.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace millstream {

class AxisWeights {
 public:
  static constexpr int kBits = 22;  // of a share of 1; a sum of 256 of them stays within an int32
  static constexpr int32_t kHalf = 1 << (kBits - 1);
  static uint8_t Rounded(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

  /// `extent`: of the old places that count, which may be a part of one less than there are.
  AxisWeights(int64_t old_places, double extent, int64_t new_places) {
    const double scale = extent / static_cast<double>(new_places);
    const double reach = std::max(scale, 1.0);
    first_.reserve(static_cast<size_t>(new_places));
    offsets_.reserve(static_cast<size_t>(new_places) + 1);
    weights_.reserve(static_cast<size_t>(static_cast<double>(new_places) * (2 * reach + 2)));
    std::vector<double> shares;
    for (int64_t place = 0; place < new_places; ++place) {
      const double center = (static_cast<double>(place) + 0.5) * scale;
      const auto begin = std::clamp<int64_t>(static_cast<int64_t>(center - reach + 0.5), 0, old_places - 1);
      const auto end = std::clamp<int64_t>(static_cast<int64_t>(center + reach + 0.5), begin + 1, old_places);
      shares.clear();
      double sum = 0;
      for (int64_t old = begin; old < end; ++old) {
        shares.push_back(std::max(0.0, 1.0 - std::abs((static_cast<double>(old) - center + 0.5) / reach)));
        sum += shares.back();
      }
      if (sum == 0) shares.assign(1, sum = 1);
      first_.push_back(begin);
      offsets_.push_back(static_cast<int64_t>(weights_.size()));
      for (const double share : shares) weights_.push_back(static_cast<int32_t>(share / sum * (1 << kBits) + 0.5));
    }
    offsets_.push_back(static_cast<int64_t>(weights_.size()));
  }

  int64_t first(int64_t place) const { return first_[static_cast<size_t>(place)]; }
  int64_t count(int64_t place) const { return offsets_[static_cast<size_t>(place) + 1] - offsets_[static_cast<size_t>(place)]; }
  const int32_t* of(int64_t place) const { return weights_.data() + offsets_[static_cast<size_t>(place)]; }

 private:
  std::vector<int64_t> first_;
  std::vector<int64_t> offsets_;
  std::vector<int32_t> weights_;
};

}  // namespace millstream
