#pragma once
/// Whether fresh memory should be backed by huge pages, found out by what touching them costs.
///
/// Where the system has the memory, a huge page is several times cheaper to touch than its bytes are in small ones. A virtual machine whose host takes free memory
/// back, and brings it back at the first touch, has it the other way round: it is the huge free blocks that the host has taken.
///
/// Not thread-safe.

#include <cstdint>

namespace millstream {

class HugePageChoice {
 public:
  struct Next {
    bool huge = true;
    bool timed = false;  // Touched wants to know how long the first touch took
  };
  /// For the next chunk of PageArena::kChunkBytes.
  Next Choose();
  /// `nanoseconds` of the thread's CPU time, of one huge page.
  void Touched(int64_t nanoseconds);

 private:
  bool huge() const { return __builtin_popcount(slow_) <= kSlowMax; }

  /// 512 small pages take 0.8 ms to touch, a huge page that is there 0.05 to 0.2 ms.
  static constexpr int64_t kSlowNanoseconds = 600'000;
  static constexpr uint32_t kRemembered = 4;
  static constexpr int kSlowMax = 1;
  /// The huge blocks that are there may run out. A touch is timed while others wait for the arena.
  static constexpr uint32_t kTimedOfHuge = 4;
  /// Touching a page that the host has to bring back costs what three in small pages do.
  static constexpr uint32_t kTimedOfSmall = 32;

  uint32_t slow_ = 0;   // a bit for each of the last touches
  uint32_t timed_ = 0;  // at first all are
  uint32_t chosen_ = 0;
};

}  // namespace millstream
