#pragma once
/// The 64-bit hash of a group's key. It decides the partition that a group goes to, so tables whose partials meet must use the same one.

#include <cstdint>
#include <cstring>

namespace millstream {

/// Both halves of the product, folded.
inline uint64_t FoldedProduct(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline constexpr uint64_t kHashFirst = 0x9e3779b97f4a7c15ULL;
inline constexpr uint64_t kHashSecond = 0xe9846af9b1a615dULL;

inline uint64_t HashWord(uint64_t word) { return FoldedProduct(word ^ kHashFirst, kHashSecond); }

template <int kWords>
uint64_t HashWords(const uint64_t* words) {
  uint64_t hash = HashWord(words[0]);
  for (int i = 1; i < kWords; ++i) hash = FoldedProduct(hash ^ words[i], kHashFirst) + words[i] * kHashSecond;
  return hash;
}

/// A word that tells `count` <= 8 bytes from others as many.
inline uint64_t LoadWord(const uint8_t* bytes, int64_t count) {
  uint64_t word = 0;
  if (count == 8) {
    std::memcpy(&word, bytes, 8);
  } else if (count >= 4) {
    uint32_t low = 0, high = 0;
    std::memcpy(&low, bytes, 4);
    std::memcpy(&high, bytes + count - 4, 4);
    word = low | static_cast<uint64_t>(high) << 32;
  } else if (count > 0) {
    word = bytes[0] | static_cast<uint64_t>(bytes[count / 2]) << 8 | static_cast<uint64_t>(bytes[count - 1]) << 16;
  }
  return word;
}

/// Whether both are the same `count` bytes; for short ones faster than memcmp.
inline bool EqualBytes(const uint8_t* left, const uint8_t* right, int64_t count) {
  if (count < 8) return LoadWord(left, count) == LoadWord(right, count);
  int64_t at = 0;
  for (; at + 8 <= count; at += 8) {
    if (LoadWord(left + at, 8) != LoadWord(right + at, 8)) return false;
  }
  return LoadWord(left + count - 8, 8) == LoadWord(right + count - 8, 8);
}

inline uint64_t HashBytes(const uint8_t* bytes, int64_t count) {
  uint64_t hash = static_cast<uint64_t>(count) * kHashSecond ^ kHashFirst;
  for (; count > 16; bytes += 16, count -= 16) hash = FoldedProduct(LoadWord(bytes, 8) ^ kHashSecond, LoadWord(bytes + 8, 8) ^ hash);
  const uint64_t low = count >= 8 ? LoadWord(bytes, 8) : LoadWord(bytes, count);
  const uint64_t high = count >= 8 ? LoadWord(bytes + count - 8, 8) : 0;
  return FoldedProduct(FoldedProduct(low ^ kHashFirst, high ^ hash) ^ hash, kHashSecond);
}

}  // namespace millstream
