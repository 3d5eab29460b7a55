#pragma once
/// Sums without rounding, so that they do not depend on the order of what is added.
///
/// A sum is a two's complement number of 64-bit limbs, the least first, times 2^base. Doubles are whole multiples of 2^-1074, and their squares of 2^-2148:
/// with a base low enough and limbs enough for the greatest value and 2^40 of it, nothing is ever lost. Rounding happens once, at the end.

#include <array>
#include <bit>
#include <cstdint>

namespace millstream {

/// Bits that stand above the greatest value, for the sign and for 2^40 values.
inline constexpr int kCarryBits = 41;

/// *limb += part + carry; returns the carry out of it. Sums of three words carry at most 1, as one of them is a carry.
inline uint64_t AddWithCarry(uint64_t* limb, uint64_t part, uint64_t carry) {
  const uint64_t sum = *limb + part;
  *limb = sum + carry;
  return static_cast<uint64_t>(sum < part) + static_cast<uint64_t>(*limb < carry);
}

/// limbs[0, 3) += mantissa * 2^shift, or -= if `negative`, for a shift below 128. The caller sees to it that the sum fits.
inline void AddToThree(uint64_t* limbs, uint64_t mantissa, int shift, bool negative) {
  const int by = shift & 63;
  const bool low_limb = shift < 64;
  const uint64_t low = mantissa << by, high = mantissa >> 1 >> (63 - by);
  // -x is ~x + 1.
  const uint64_t turn = negative ? UINT64_MAX : 0;
  uint64_t carry = AddWithCarry(limbs, (low_limb ? low : 0) ^ turn, negative ? 1 : 0);
  carry = AddWithCarry(limbs + 1, (low_limb ? high : low) ^ turn, carry);
  limbs[2] += ((low_limb ? 0 : high) ^ turn) + carry;
}

/// limbs += magnitude * 2^shift. The caller sees to it that the sum fits.
inline void AddSquare(uint64_t* limbs, unsigned __int128 magnitude, int shift) {
  limbs += shift >> 6;
  const int by = shift & 63;
  const unsigned __int128 low = magnitude << by;
  const auto high = static_cast<uint64_t>(magnitude >> 64 >> 1 >> (63 - by));
  uint64_t carry = AddWithCarry(limbs, static_cast<uint64_t>(low), 0);
  carry = AddWithCarry(limbs + 1, static_cast<uint64_t>(low >> 64), carry);
  if ((high | carry) == 0) return;
  for (carry = AddWithCarry(limbs + 2, high, carry), limbs += 3; carry != 0; ++limbs) carry = AddWithCarry(limbs, 0, carry);
}

/// limbs[0, count) += magnitude * 2^shift, or -= if `negative`. The caller sees to it that the sum fits.
inline void AddShifted(uint64_t* limbs, int count, unsigned __int128 magnitude, int shift, bool negative) {
  const int first = shift >> 6;
  const int by = shift & 63;
  const uint64_t turn = negative ? UINT64_MAX : 0;
  const unsigned __int128 low = magnitude << by;
  const uint64_t high = by == 0 ? 0 : static_cast<uint64_t>(magnitude >> (128 - by));
  unsigned __int128 carry = negative ? 1 : 0;
  const auto add = [&](int i, uint64_t part) {
    carry += static_cast<unsigned __int128>(limbs[i]) + (part ^ turn);
    limbs[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  };
  add(first, static_cast<uint64_t>(low));
  if (first + 1 < count) add(first + 1, static_cast<uint64_t>(low >> 64));
  if (first + 2 < count) add(first + 2, high);
  for (int i = first + 3; i < count && carry != (negative ? 1 : 0); ++i) add(i, 0);
}

/// A natural number times a power of two, for what is done once a group at the end.
class WideNumber {
 public:
  static constexpr int kLimbsMax = 144;

  WideNumber() = default;
  explicit WideNumber(uint64_t value) : size_(1) { limbs_[0] = value; Trim(); }
  /// The magnitude of a two's complement number.
  static WideNumber Magnitude(const uint64_t* limbs, int count, int exponent);

  static bool IsNegative(const uint64_t* limbs, int count) { return count > 0 && limbs[count - 1] >> 63 != 0; }

  bool IsZero() const { return size_ == 0; }
  int bits() const { return size_ == 0 ? 0 : size_ * 64 - std::countl_zero(limbs_[size_ - 1]); }
  const uint64_t* limbs() const { return limbs_.data(); }
  int size() const { return size_; }
  int exponent() const { return exponent_; }

  void Multiply(uint64_t factor);
  WideNumber Square() const;
  /// Multiplies by 2^(64 * limbs) and lowers the exponent as much.
  void AddLowLimbs(int limbs);
  /// Divides by `divisor`, not 0; what is lost is remembered as inexact.
  void Divide(uint64_t divisor);
  /// this - other, which is not greater.
  WideNumber Minus(const WideNumber& other) const;

  /// The nearest double, ties to even; infinity where it is too large.
  double ToDouble() const;
  /// The square root, from the number's leading bits: wrong by less than a unit in the last place.
  double SquareRoot() const;

 private:
  void Trim();
  /// The same number with an exponent that is not greater.
  void LowerExponent(int exponent);
  uint64_t BitsFrom(int low_bit) const;
  bool AnyBitBelow(int bit) const;

  std::array<uint64_t, kLimbsMax> limbs_{};
  int size_ = 0;
  int exponent_ = 0;
  bool inexact_ = false;
};

}  // namespace millstream
