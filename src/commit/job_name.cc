#include "commit/job_name.h"

#include <chrono>
#include <cstdio>

namespace millstream {

std::string NewJobName(Env& env) {
  const auto since_epoch = env.WallClock().time_since_epoch();
  const auto time = static_cast<unsigned long long>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
  char name[33];
  std::snprintf(name, sizeof(name), "%012llx%04x%016llx", time & 0xffffffffffffULL, static_cast<unsigned>(env.RandomSeed() & 0xffff),
                static_cast<unsigned long long>(env.RandomSeed()));
  return name;
}

}  // namespace millstream
