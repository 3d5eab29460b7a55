#pragma once
/// What Dataset::WriteParquet does with a directory that is there already.

#include <cstdint>

namespace millstream {

enum class SaveMode : uint8_t {
  kAppend,     // add files beside those there
  kOverwrite,  // everything in the directory, of whatever name, gives way to the new files, once they are complete and not before
  kIgnore,     // write nothing
  kError,      // kInvalidArgument
};

}  // namespace millstream
