#pragma once
/// "did you mean" for a name that is not there.

#include <arrow/type.h>

#include <string>

#include "base/status.h"

namespace millstream {

/// kUnknownColumn: no such column, the nearest names, all columns (the first twenty).
Status UnknownColumn(const std::string& name, const arrow::Schema& schema);

}  // namespace millstream
