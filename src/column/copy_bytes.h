#pragma once
/// Copies of strings and short lists: most are shorter than a call of memcpy is worth.

#include <cstdint>
#include <cstring>

namespace millstream {

/// Two overlapping moves cover every length from kWord to 2 * kWord.
template <typename Word>
inline void CopyEnds(uint8_t* to, const uint8_t* from, int64_t bytes) {
  Word head, tail;
  std::memcpy(&head, from, sizeof(Word));
  std::memcpy(&tail, from + bytes - sizeof(Word), sizeof(Word));
  std::memcpy(to, &head, sizeof(Word));
  std::memcpy(to + bytes - sizeof(Word), &tail, sizeof(Word));
}

/// memcpy of any length, also 0 from nowhere; the regions do not overlap.
inline void CopyBytes(uint8_t* to, const uint8_t* from, int64_t bytes) {
  struct Sixteen {
    uint64_t words[2];
  };
  if (bytes > 32) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  } else if (bytes >= 16) {
    CopyEnds<Sixteen>(to, from, bytes);
  } else if (bytes >= 8) {
    CopyEnds<uint64_t>(to, from, bytes);
  } else if (bytes >= 4) {
    CopyEnds<uint32_t>(to, from, bytes);
  } else if (bytes >= 2) {
    CopyEnds<uint16_t>(to, from, bytes);
  } else if (bytes == 1) {
    *to = *from;
  }
}

}  // namespace millstream
