#pragma once
/// Rows that are taken up from the exchange: slices of what the write phase grouped, not yet in order.

#include <arrow/array/data.h>
#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "exchange/row_identities.h"

namespace millstream {

/// One column of one piece. Flat values as in FlatRun; arrays in storage form.
struct ColumnSlice {
  const uint8_t* values = nullptr;
  const uint8_t* valid = nullptr;
  int width = 0;
  int64_t base = 0;
  std::shared_ptr<arrow::ArrayData> array;
};

struct PartitionPiece {
  int64_t count = 0;
  RowIdentities identities;
  std::vector<ColumnSlice> columns;
};

/// Keeps the spill frames it points into alive; pieces that are in memory are the store's.
struct PartitionRows {
  int64_t count = 0;
  std::vector<PartitionPiece> pieces;
  std::vector<std::shared_ptr<arrow::Buffer>> frames;
};

}  // namespace millstream
