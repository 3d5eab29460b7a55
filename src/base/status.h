#pragma once
/// Errors of the engine: arrow::Status with a kind that the Python boundary turns into the exception type a
/// Python person expects. Messages say what failed, on what (file, row group, column) and what to do.

#include <arrow/result.h>
#include <arrow/status.h>

#include <string>
#include <string_view>

namespace millstream {

using arrow::Result;
using arrow::Status;

enum class ErrorKind : uint8_t {
  kOther,             // RuntimeError
  kInvalidArgument,   // ValueError
  kType,              // TypeError
  kUnknownColumn,     // KeyError-compatible ValueError
  kFileNotFound,      // FileNotFoundError
  kPermission,        // PermissionError
  kDiskFull,          // OSError with errno ENOSPC
  kIo,                // OSError
  kCorruptData,       // ValueError: a file or frame that does not decode
  kBudget,            // MemoryError: the memory limit is too small, with the number that would do
  kCancelled,         // internal: the consumer left, or KeyboardInterrupt
  kStale,             // RuntimeError: engine inherited over fork, or closed
};

/// Makes a Status that carries `kind`; `message` is shown to the user as it is.
Status MakeError(ErrorKind kind, std::string message);

/// The kind a Status carries; Arrow's own codes are mapped to the nearest kind. kOther for OK.
ErrorKind KindOf(const Status& status);

/// Puts `context` (for instance "file a.parquet, row group 3, column x") before the message, keeping the kind.
Status WithContext(const Status& status, std::string_view context);

}  // namespace millstream
