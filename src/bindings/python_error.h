#pragma once
/// A Python exception as a Status, and back: what a user's function raised travels through the engine unchanged.

#include <nanobind/nanobind.h>

#include "base/status.h"

namespace millstream {

/// `exception`: an instance of BaseException. With the GIL held.
Status StatusOfException(nanobind::object exception);

/// The exception that the status carries, null if none: to be raised, for the status lets go of it. The second time one like it. With the GIL held.
nanobind::object ExceptionOf(const Status& status);

}  // namespace millstream
