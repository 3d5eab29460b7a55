#pragma once
/// "did you mean" for a name that is not there.

#include <arrow/type.h>

#include <string>
#include <vector>

#include "base/status.h"

namespace millstream {

/// The one of `names` that `name` was most likely meant to be, empty where none is near.
std::string NearestName(const std::string& name, const std::vector<std::string>& names);

/// kUnknownColumn: no such column, the nearest names, all columns (the first twenty).
Status UnknownColumn(const std::string& name, const arrow::Schema& schema);

/// Where these columns are; UnknownColumn for the first that is not there.
Result<std::vector<int>> FindColumns(const std::vector<std::string>& names, const arrow::Schema& schema);

}  // namespace millstream
