#pragma once
/// Tells a forked child from the process that made an object.
///
/// After fork only the calling thread lives on: a mutex may be locked for ever, threads are gone. Objects with either keep the
/// generation they were made in; in a child they give an error or leak quietly, never wait and never join.

#include <cstdint>

namespace millstream {

/// Rises by one in the child of every fork. Costs one relaxed load.
uint64_t ForkGeneration();

/// Remembers the process in which it was made.
class ForkGuard {
 public:
  bool inherited() const { return generation_ != ForkGeneration(); }

 private:
  uint64_t generation_ = ForkGeneration();
};

}  // namespace millstream
