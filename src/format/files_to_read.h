#pragma once
/// What all readers of files are told.

#include <cstdint>
#include <string>
#include <vector>

#include "format/path_values.h"

namespace millstream {

struct FilesToRead {
  std::vector<std::string> paths;
  std::vector<std::string> extensions;  // as ListFiles
  bool ignore_missing = false;
  PathOptions path;
  int64_t blocks = 0;                   // as plan/blocks.h
};

}  // namespace millstream
