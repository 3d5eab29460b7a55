#pragma once
/// OutputCommit into a local directory, which is made where it is missing.

#include <memory>
#include <string>

#include "commit/output_commit.h"
#include "env/env.h"

namespace millstream {

/// Takes back or removes what killed jobs left in the directory, then opens a staging folder in it. kInvalidArgument where `directory` is a file, or is
/// there and the mode is kError.
Result<std::unique_ptr<OutputCommit>> OpenDirectoryCommit(std::shared_ptr<Env> env, std::string directory, SaveMode mode);

}  // namespace millstream
