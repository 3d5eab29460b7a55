#pragma once
/// Errors of the engine: arrow::Status with a kind that the Python boundary turns into the exception type a
/// Python person expects. Messages say what failed, on what (file, row group, column) and what to do.
/// The kinds, and KindOf, are public: millstream/error.h.

#include <arrow/result.h>
#include <arrow/status.h>

#include <string>
#include <string_view>

#include "millstream/error.h"

namespace millstream {

using arrow::Result;
using arrow::Status;

/// Makes a Status that carries `kind`; `message` is shown to the user as it is.
Status MakeError(ErrorKind kind, std::string message);

/// Puts `context` (for instance "file a.parquet, row group 3, column x") before the message, keeping the kind.
Status WithContext(const Status& status, std::string_view context);

}  // namespace millstream
