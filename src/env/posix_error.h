#pragma once
/// System call failures as errors of the engine.

#include <string>
#include <string_view>

#include "base/status.h"

namespace millstream {

/// "Cannot open file 'a/b': No such file or directory (errno 2)", with the kind that fits `error`.
Status PosixError(int error, std::string_view what, const std::string& path);

}  // namespace millstream
