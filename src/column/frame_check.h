#pragma once
/// The checks that let kernels trust a column read from a frame without looking again.

#include <arrow/array/data.h>

#include <string>

#include "base/status.h"

namespace millstream {

/// A kCorruptData error; `what` completes "The column frame is corrupt: ".
Status CorruptColumn(const std::string& what);

/// Checks buffers of `data` (offset 0, storage form, children read and checked) against its rows and children: sizes,
/// offsets in order and in range, view bounds, union codes, null count.
Status CheckColumn(const arrow::ArrayData& data);

}  // namespace millstream
