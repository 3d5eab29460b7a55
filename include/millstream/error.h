#pragma once
/// Errors. Every call that can fail returns arrow::Status or arrow::Result; nothing throws. A Status says in its message what failed, on what (file, row group,
/// column) and what to do, and carries a kind for programs that must tell errors apart.
///
///   auto flights = millstream::Dataset::ReadParquet(context, {"flights"});
///   if (millstream::KindOf(flights.status()) == millstream::ErrorKind::kFileNotFound) …

#include <arrow/status.h>

#include <cstdint>

#include "millstream/export.h"

namespace millstream {

/// In brackets: the exception that the Python package makes of it.
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
  kCancelled,         // the consumer left, or an interrupt
  kStale,             // RuntimeError: engine inherited over fork, or closed
};

/// The kind a Status carries; Arrow's own codes are mapped to the nearest kind. kOther for OK.
MILLSTREAM_EXPORT ErrorKind KindOf(const arrow::Status& status);

}  // namespace millstream
