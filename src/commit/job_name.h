#pragma once
/// Names for one job's files.

#include <string>

#include "env/env.h"

namespace millstream {

/// 32 lower-case hexadecimal digits: 48 bits of time in milliseconds, then 80 random ones; names sort by age as far as clocks agree.
std::string NewJobName(Env& env);

}  // namespace millstream
