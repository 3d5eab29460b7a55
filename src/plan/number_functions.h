#pragma once
/// Functions of numbers that Arrow lacks, as kernels of its own registry.
///
/// - number_order(int64 or uint64, double), number_order(uint64, int64): -1, 0 or 1, a double, as the first is less than the second, equal to it or greater, exactly:
///   nothing is rounded. NaN beside NaN, so that comparing the result with 0 gives what comparing the numbers does. Null gives null.

#include "base/status.h"

namespace millstream {

/// Makes them known to Arrow, once a process.
Status RegisterNumberFunctions();

}  // namespace millstream
