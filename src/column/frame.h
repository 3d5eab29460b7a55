#pragma once
/// The byte form of one column in storage form inside a spill frame or a wire message (docs/spill_column_format.md).
///
/// Recursive over children: row count, null count, then each buffer's length and bytes, 8-byte aligned. The type is not
/// stored: writer and reader share the plan's schema. Reading slices the frame's buffer without a copy and checks every
/// length and offset against it: a wrong frame is a kCorruptData error, never a crash. What only changes a value (a
/// flipped digit, text that is not UTF-8) is for the frame's checksum to find.
///
///   FramePieces pieces;
///   ARROW_RETURN_NOT_OK(AppendColumn(*column, &pieces));   // ... for each column, then write the pieces
///   int64_t position = 0;
///   ARROW_ASSIGN_OR_RAISE(auto column, ReadColumn(frame, &position, StorageType(field->type())));

#include <arrow/array/data.h>
#include <arrow/buffer.h>

#include <memory>
#include <vector>

#include "base/status.h"

namespace millstream {

/// Bytes to be written one after the other. Pieces point into the columns' buffers, into `headers`, or at constants;
/// the columns and this object must outlive their use.
struct FramePieces {
  struct Piece {
    const uint8_t* data;
    int64_t bytes;
  };
  std::vector<Piece> pieces;
  std::vector<std::unique_ptr<std::vector<uint8_t>>> headers;
  int64_t total_bytes = 0;
};

/// Appends the bytes of `data`, a multiple of 8. `data` must be in storage form, with offset 0 and children of no more
/// rows than the parent's, as Gather and Concatenate give it; kInvalidArgument if not.
Status AppendColumn(const arrow::ArrayData& data, FramePieces* out);

/// Reads one column of `type` (a storage type) from `frame` at `*position`, a multiple of 8, which it moves on. On an
/// error the position stays.
Result<std::shared_ptr<arrow::ArrayData>> ReadColumn(const std::shared_ptr<arrow::Buffer>& frame, int64_t* position,
                                                     const std::shared_ptr<arrow::DataType>& type);

}  // namespace millstream
