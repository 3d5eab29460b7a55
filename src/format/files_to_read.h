#pragma once
/// What all readers of files are told.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/bad_data.h"
#include "format/path_values.h"
#include "millstream/read_limits.h"

namespace millstream {

struct FilesToRead {
  std::vector<std::string> paths;
  std::vector<std::string> extensions;  // as ListFiles
  bool ignore_missing = false;
  std::optional<std::vector<std::string>> kept;  // paths: of the files found these alone
  std::optional<uint64_t> shuffle_seed;  // the files come in a random order
  PathOptions path;
  BadDataOptions bad_data = {};
  ReadLimits limits = {};
  int64_t blocks = 0;                   // as plan/blocks.h
};

/// Errors as ListFiles of list_files.h; kInvalidArgument where no file is kept.
Result<std::vector<ListedFile>> ListFiles(Env& env, const FilesToRead& files);

}  // namespace millstream
