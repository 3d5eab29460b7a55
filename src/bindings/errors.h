#pragma once
/// Status to the exception a Python person expects.

#include <utility>

#include "base/status.h"

namespace millstream {

/// Raises for a failed status; the GIL must be held.
void RaiseIfFailed(const Status& status);

template <typename T>
T ValueOrRaise(Result<T> result) {
  RaiseIfFailed(result.status());
  return std::move(result).ValueUnsafe();
}

}  // namespace millstream
