#pragma once
/// The counter-based random numbers that fix every order. docs/order.md is their definition and holds golden vectors;
/// changing a constant here is a new order version.

#include <cstdint>

namespace millstream {

/// A bijective 64-bit mixer with full avalanche (two multiplications, three xor-shifts).
constexpr uint64_t Mix64(uint64_t x) {
  x ^= x >> 32;
  x *= 0xe9846af9b1a615dULL;
  x ^= x >> 32;
  x *= 0xe9846af9b1a615dULL;
  x ^= x >> 28;
  return x;
}

/// A seed of 64 bits and an epoch, hashed (never added) into the two words that key one epoch's order.
struct EpochKey {
  uint64_t first;
  uint64_t second;
};

constexpr EpochKey MakeEpochKey(uint64_t seed, uint64_t epoch) {
  const uint64_t a = Mix64(seed + 0x9e3779b97f4a7c15ULL);
  const uint64_t b = Mix64(Mix64(epoch + 0xd1b54a32d192ed03ULL) ^ a);
  return {Mix64(b ^ 0x8cb92ba72f3d8dd7ULL), Mix64(b + a + 0x2545f4914f6cdd1dULL)};
}

/// Keys the rows of one source (a file's ordinal, an in-memory table) within an epoch.
struct SourceKey {
  uint64_t first;
  uint64_t second;

  /// The shuffle key of row `row` of this source: uniform over 64 bits.
  constexpr uint64_t KeyOfRow(uint64_t row) const {
    return Mix64(Mix64(row * 0x9e3779b97f4a7c15ULL + first) ^ second);
  }
};

constexpr SourceKey MakeSourceKey(const EpochKey& epoch, uint64_t source) {
  const uint64_t mixed = Mix64(source * 0xbf58476d1ce4e5b9ULL + epoch.first);
  return {Mix64(mixed ^ epoch.second), Mix64(mixed + epoch.second)};
}

/// The partition of `key` out of `partitions`, monotone in the key: partition p holds a contiguous range of keys.
constexpr uint32_t PartitionOfKey(uint64_t key, uint32_t partitions) {
  return static_cast<uint32_t>((static_cast<unsigned __int128>(key) * partitions) >> 64);
}

}  // namespace millstream
