#include "aggregate/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millstream {

WideNumber WideNumber::Magnitude(const uint64_t* limbs, int count, int exponent) {
  WideNumber number;
  number.size_ = count;
  number.exponent_ = exponent;
  const bool negative = IsNegative(limbs, count);
  unsigned __int128 carry = negative ? 1 : 0;
  for (int i = 0; i < count; ++i) {
    carry += negative ? ~limbs[i] : limbs[i];
    number.limbs_[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
  number.Trim();
  return number;
}

void WideNumber::Multiply(uint64_t factor) {
  unsigned __int128 carry = 0;
  for (int i = 0; i < size_; ++i) {
    carry += static_cast<unsigned __int128>(limbs_[i]) * factor;
    limbs_[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
  if (carry != 0) limbs_[size_++] = static_cast<uint64_t>(carry);
  Trim();
}

WideNumber WideNumber::Square() const {
  WideNumber square;
  square.exponent_ = 2 * exponent_;
  square.size_ = 2 * size_;
  for (int i = 0; i < size_; ++i) {
    unsigned __int128 carry = 0;
    for (int j = 0; j < size_; ++j) {
      carry += static_cast<unsigned __int128>(limbs_[i]) * limbs_[j] + square.limbs_[i + j];
      square.limbs_[i + j] = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
    square.limbs_[i + size_] = static_cast<uint64_t>(carry);
  }
  square.Trim();
  return square;
}

void WideNumber::AddLowLimbs(int limbs) {
  std::copy_backward(limbs_.begin(), limbs_.begin() + size_, limbs_.begin() + size_ + limbs);
  std::fill_n(limbs_.begin(), limbs, 0);
  size_ = size_ == 0 ? 0 : size_ + limbs;
  exponent_ -= 64 * limbs;
}

void WideNumber::Divide(uint64_t divisor) {
  unsigned __int128 rest = 0;
  for (int i = size_ - 1; i >= 0; --i) {
    rest = rest << 64 | limbs_[i];
    limbs_[i] = static_cast<uint64_t>(rest / divisor);
    rest %= divisor;
  }
  inexact_ |= rest != 0;
  Trim();
}

WideNumber WideNumber::Minus(const WideNumber& other) const {
  WideNumber left = *this, right = other;
  const int exponent = std::min(left.exponent_, right.exponent_);
  left.LowerExponent(exponent);
  right.LowerExponent(exponent);
  uint64_t borrow = 0;
  for (int i = 0; i < left.size_; ++i) {
    const unsigned __int128 taken = static_cast<unsigned __int128>(i < right.size_ ? right.limbs_[i] : 0) + borrow;
    borrow = left.limbs_[i] < taken ? 1 : 0;
    left.limbs_[i] -= static_cast<uint64_t>(taken);
  }
  left.Trim();
  return left;
}

void WideNumber::LowerExponent(int exponent) {
  const int by = exponent_ - exponent;
  AddLowLimbs(by / 64);
  Multiply(uint64_t{1} << by % 64);
  exponent_ = exponent;
}

double WideNumber::ToDouble() const {
  if (size_ == 0) return 0;
  const int top = bits() - 1 + exponent_;
  if (top > 1023) return std::numeric_limits<double>::infinity();
  const int lowest = std::max(top - 52, -1074);
  const int dropped = lowest - exponent_;
  if (dropped <= 0) return std::ldexp(static_cast<double>(limbs_[0]), exponent_);
  uint64_t kept = BitsFrom(dropped);
  const bool half = (BitsFrom(dropped - 1) & 1) != 0;
  const bool more = inexact_ || AnyBitBelow(dropped - 1);
  if (half && (more || (kept & 1) != 0)) ++kept;
  return std::ldexp(static_cast<double>(kept), lowest);
}

double WideNumber::SquareRoot() const {
  if (size_ == 0) return 0;
  int low = bits() - 62;
  low -= (low + exponent_) & 1;  // the exponent of the root is half of an even one
  const uint64_t leading = low >= 0 ? BitsFrom(low) : limbs_[0] << -low;
  return std::ldexp(std::sqrt(static_cast<double>(leading)), (low + exponent_) / 2);
}

void WideNumber::Trim() {
  while (size_ > 0 && limbs_[size_ - 1] == 0) --size_;
}

/// 64 bits, zeros beyond the number's own.
uint64_t WideNumber::BitsFrom(int low_bit) const {
  const int limb = low_bit / 64, by = low_bit % 64;
  const uint64_t low = limb < size_ ? limbs_[limb] : 0, high = limb + 1 < size_ ? limbs_[limb + 1] : 0;
  return by == 0 ? low : low >> by | high << (64 - by);
}

bool WideNumber::AnyBitBelow(int bit) const {
  for (int i = 0; i < std::min(bit / 64, size_); ++i) {
    if (limbs_[i] != 0) return true;
  }
  return bit / 64 < size_ && (limbs_[bit / 64] & ((uint64_t{1} << bit % 64) - 1)) != 0;
}

}  // namespace millstream
