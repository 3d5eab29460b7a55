#pragma once
/// The plan that reads files other than Parquet.

#include <functional>
#include <memory>
#include <vector>

#include "env/env.h"
#include "format/files_to_read.h"
#include "plan/logical_plan.h"

namespace millstream {

/// `bad` may be null: files that cannot be used are an error.
using MakeFormat = std::function<Result<std::shared_ptr<const FileFormat>>(std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits, BadFiles* bad)>;

/// Lists the files and makes their format, of those that are not bad where bad ones are to be passed over. Errors as CheckLimits,
/// ListFiles, ValuesOfPaths and `make`.
Result<PlanPtr> ReadFilesPlan(Env& env, const FilesToRead& files, const MakeFormat& make);

}  // namespace millstream
