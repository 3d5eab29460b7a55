#pragma once
/// A piece whose rows are grouped by partition: what the write phase of the shuffle makes and its read phase takes apart.

#include <arrow/array/data.h>

#include <memory>
#include <vector>

#include "exchange/row_identities.h"
#include "memory/budget_pool.h"

namespace millstream {

using OwnedBuffer = BudgetPool::OwnedBuffer;

/// Flat values: value = base + (width-byte unsigned integer), in partition order. At full width base is 0.
struct FlatRun {
  std::shared_ptr<OwnedBuffer> values;
  std::shared_ptr<OwnedBuffer> valid;  // one byte a row; null when the piece has no nulls in this column
  int width = 0;
  int64_t base = 0;
};

/// One column of a grouped piece. Arrays are kept in several groups of consecutive partitions, so that the last ones can be evicted.
struct ColumnRun {
  FlatRun flat;
  std::vector<std::shared_ptr<arrow::ArrayData>> groups;
  /// Partitions below this are here; the rest has been spilled. 0 also before the column is added.
  uint32_t resident = 0;
};

struct GroupedPiece {
  uint32_t id = 0;  // unique in the exchange
  uint32_t source = 0;                        // where identity_width is 4
  int64_t first_row = 0;                      // where identity_width is 4
  int identity_width = 4;
  std::vector<uint32_t> offsets;              // partitions + 1
  std::shared_ptr<OwnedBuffer> identities;    // row_identities.h
  uint32_t rows_resident = 0;                 // as ColumnRun::resident, for identities
  std::vector<ColumnRun> columns;
  size_t columns_missing = 0;                 // that have not been added yet

  RowIdentities IdentitiesFrom(int64_t row) const {
    return {source, first_row, identity_width, identities == nullptr ? nullptr : identities->data() + row * identity_width};
  }
};

/// Array groups of a piece: group g holds partitions [GroupBegin(g), GroupBegin(g + 1)).
constexpr uint32_t kEvictionGroups = 8;
constexpr uint32_t GroupBegin(uint32_t group, uint32_t partitions) { return static_cast<uint32_t>(uint64_t{partitions} * group / kEvictionGroups); }
constexpr uint32_t GroupOf(uint32_t partition, uint32_t partitions) {
  uint32_t group = static_cast<uint32_t>(uint64_t{partition} * kEvictionGroups / partitions);
  while (GroupBegin(group + 1, partitions) <= partition) ++group;
  while (GroupBegin(group, partitions) > partition) --group;
  return group;
}

}  // namespace millstream
