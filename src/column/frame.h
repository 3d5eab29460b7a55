#pragma once
/// The byte form of one column in storage form inside a spill frame or a wire message (docs/spill_format.md).
///
/// Recursive over children: row count, null count, then each buffer's length and bytes, 8-byte aligned. The type is not stored: writer and reader share the
/// plan's schema. Reading slices the frame's buffer without a copy and checks every length and offset against it: a wrong frame is a
/// kCorruptData error, never a crash.

#include <arrow/array/data.h>
#include <arrow/buffer.h>

#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

/// Appends the column's bytes to `out` as pieces that point into `data`'s buffers or into `headers` (which must outlive the pieces).
struct FramePieces {
  struct Piece { const uint8_t* data; int64_t bytes; };
  std::vector<Piece> pieces;
  std::vector<std::unique_ptr<std::vector<uint8_t>>> headers;
  int64_t total_bytes = 0;
};
/// `data` must be in storage form with offset 0 (as Gather and Concatenate give it).
Status AppendColumn(const arrow::ArrayData& data, FramePieces* out);

/// Reads one column of `type` from `frame` at `*position`, which it moves on.
Result<std::shared_ptr<arrow::ArrayData>> ReadColumn(const std::shared_ptr<arrow::Buffer>& frame, int64_t* position,
                                                     const std::shared_ptr<arrow::DataType>& type);

}  // namespace millstream
