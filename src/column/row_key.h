#pragma once
/// The bytes of one row of any storage layout: two rows of one type have the same key when they have the same value.

#include <arrow/array/data.h>
#include <arrow/buffer_builder.h>

#include "base/status.h"

namespace millstream {

/// Appends the key of `row` (counted from the array's offset). Lengths are written before what they count, so keys
/// never run together.
Status AppendRowKey(const arrow::ArrayData& data, int64_t row, arrow::BufferBuilder* out);

}  // namespace millstream
