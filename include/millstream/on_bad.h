#pragma once
/// What is done about a file or row that cannot be read.

#include <cstdint>

namespace millstream {

enum class OnBad : uint8_t {
  kRaise,   // the error ends the job
  kSkip,    // it is passed over
  kRecord,  // and is told of, in a dead letter
};

}  // namespace millstream
