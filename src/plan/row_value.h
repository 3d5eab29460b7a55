#pragma once
/// Columns that are made of each row's place, not of other columns: numbers, random numbers, identifiers.

#include <cstdint>
#include <string>
#include <vector>

namespace millstream {

struct RowValue {
  enum class Kind : uint8_t {
    kIncreasingId = 0,  // int64: the source's number times 2^40, plus the row's
    kRandom = 1,        // double, at least 0 and below 1
    kUuid = 2,          // text of a UUID of version 4
  };

  Kind kind = Kind::kIncreasingId;
  std::string column;       // its name
  uint64_t seed = 0;        // of the last two
  bool each_epoch = false;  // others each epoch, a function of (seed, epoch)
};

using RowValues = std::vector<RowValue>;

}  // namespace millstream
