#pragma once
/// CPU time.

#include <time.h>

#include <cstdint>

namespace millstream {

/// Of the calling thread, in nanoseconds.
inline int64_t ThreadCpuNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

}  // namespace millstream
