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

inline uint64_t LoadWord(const uint8_t* bytes, int64_t count) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, static_cast<size_t>(count));
  return word;
}

inline uint64_t HashBytes(const uint8_t* bytes, int64_t count) {
  uint64_t hash = static_cast<uint64_t>(count) * kHashSecond ^ kHashFirst;
  for (; count > 16; bytes += 16, count -= 16) hash = FoldedProduct(LoadWord(bytes, 8) ^ kHashSecond, LoadWord(bytes + 8, 8) ^ hash);
  uint64_t low = 0, high = 0;
  if (count >= 8) {
    low = LoadWord(bytes, 8);
    high = LoadWord(bytes + count - 8, 8);
  } else if (count >= 4) {
    low = LoadWord(bytes, 4);
    high = LoadWord(bytes + count - 4, 4);
  } else if (count > 0) {
    low = bytes[0] | static_cast<uint64_t>(bytes[count / 2]) << 8 | static_cast<uint64_t>(bytes[count - 1]) << 16;
  }
  return FoldedProduct(FoldedProduct(low ^ kHashFirst, high ^ hash) ^ hash, kHashSecond);
}

}  // namespace millstream
