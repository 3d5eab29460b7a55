#pragma once
/// Rows of any number of columns as bytes, so that memcmp orders them as their values are ordered, column by column, and equal bytes mean equal values.
///
/// The order of values: that of ordered_word.h for what has words; text and binary by their bytes; decimals by number; structs field by field; lists element
/// by element, a list before its extensions. Nulls come last at every level.
///
///   EncodedRows rows(pool);
///   ARROW_RETURN_NOT_OK(rows.Encode({key, second_key}, begin, count));
///   rows.ends()[i]                                                      // row i: bytes()[ends()[i - 1], ends()[i])
///   RowCells cells(pool); … cells.Add(row's bytes) for each; DecodeColumn(first_type, &cells), then the second's

#include <arrow/array/data.h>

#include <memory>
#include <string_view>
#include <vector>

#include "aggregate/pool_vector.h"

namespace millstream {

/// All storage types but maps, unions and intervals other than months; lists and structs of such.
bool HasOrder(const arrow::DataType& type);

class EncodedRows {
 public:
  explicit EncodedRows(arrow::MemoryPool* pool) : ends_(pool), bytes_(pool), cursors_(pool) {}

  /// Replaces what was there by rows [begin, begin + count) of the columns, counted from their offsets. The columns are in storage form (column/gather.h).
  Status Encode(const std::vector<const arrow::ArrayData*>& columns, int64_t begin, int64_t count);

  int64_t count() const { return ends_.size() - 1; }
  /// ends()[-1] is 0.
  const int64_t* ends() const { return ends_.data() + 1; }
  const uint8_t* bytes() const { return bytes_.data(); }
  std::string_view operator[](int64_t row) const {
    return {reinterpret_cast<const char*>(bytes()) + ends()[row - 1], static_cast<size_t>(ends()[row] - ends()[row - 1])};
  }
  int64_t held_bytes() const { return ends_.bytes() + bytes_.bytes() + cursors_.bytes(); }

 private:
  PoolVector<int64_t> ends_;
  PoolVector<uint8_t> bytes_;
  PoolVector<uint8_t*> cursors_;
};

/// Where in encoded rows the next column's cells begin. The rows' bytes must outlive it.
struct RowCells {
  explicit RowCells(arrow::MemoryPool* pool) : at(pool), end(pool) {}
  Status Reserve(int64_t rows);
  void Add(std::string_view row);

  PoolVector<const uint8_t*> at;   // null: a null
  PoolVector<const uint8_t*> end;  // of the row; empty for cells inside others
};

/// The values of the next column of the rows, whose cells are then behind it. `last`: whether it is the last column of the rows.
/// kInvalidArgument where 32-bit offsets cannot span the result.
Result<std::shared_ptr<arrow::ArrayData>> DecodeColumn(const std::shared_ptr<arrow::DataType>& type, bool last, RowCells* cells, arrow::MemoryPool* pool);

}  // namespace millstream
