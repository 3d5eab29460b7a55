#pragma once
/// Where rows go in an exchange that sorts: partitions are ranges between splitters, drawn from a sample, and rows are in order inside each. Rows that are equal in all
/// columns stay in the order of their identities: the sort is stable, and equal rows that are many share several partitions.
///
/// Immutable once made; any thread.

#include <memory>
#include <vector>

#include "exchange/partition_order.h"
#include "exchange/piece_order.h"
#include "exchange/sort_columns.h"

namespace millstream {

using ArrayDatas = std::vector<std::shared_ptr<arrow::ArrayData>>;

class SortOrder {
 public:
  /// Sorts by the columns `columns` of the exchange's schema, in these directions.
  struct By {
    std::vector<int> columns;
    std::vector<SortDirection> directions;
  };

  /// `sample`: the sort columns of some rows, in storage form; `identities`: who they are, packed. `partitions`: at most so many. Splitters come from `pool`.
  static Result<std::shared_ptr<const SortOrder>> Make(By by, const ArrayDatas& sample, const std::vector<uint64_t>& identities, uint32_t partitions,
                                                       const std::shared_ptr<BudgetPool>& pool);

  const By& by() const { return by_; }

  /// Writes each row's partition among those of `keys`, `keys.count` for one that is not selected. `columns`: the sort columns of the piece's rows, in storage form.
  Status Assign(const ShuffleKeys& keys, const PieceRows& rows, const ArrayDatas& columns, const std::shared_ptr<BudgetPool>& pool, uint32_t* partition_of_row) const;
  /// The same for rows of a store.
  Status Assign(const ShuffleKeys& keys, const PartitionRows& rows, const ArrayDatas& columns, const std::shared_ptr<BudgetPool>& pool, uint32_t* partition_of_row) const;
  /// The order of a partition's rows. Holds about 40 bytes a row and the sort columns meanwhile.
  Result<PartitionOrder> Order(const PartitionRows& rows, const ArrayDatas& columns, const std::shared_ptr<BudgetPool>& pool) const;

  /// The sort columns of a store's rows, in storage form: what the above take. `flat_widths` and `storage_types`: of all columns.
  Result<ArrayDatas> ColumnsOf(const PartitionRows& rows, const std::vector<int>& flat_widths, const std::vector<std::shared_ptr<arrow::DataType>>& storage_types,
                               const std::shared_ptr<BudgetPool>& pool) const;

 private:
  SortOrder(By by, std::shared_ptr<BudgetPool> pool);
  template <typename IdentityOf>
  Status AssignRows(const ShuffleKeys& keys, const ArrayDatas& columns, int64_t count, const std::shared_ptr<BudgetPool>& pool, IdentityOf&& identity,
                    uint32_t* partition_of_row) const;

  const By by_;
  const std::shared_ptr<BudgetPool> pool_;  // of the splitters
  SortKeyRows splitters_;
  std::vector<uint64_t> prefixes_;    // of the splitters
  std::vector<uint64_t> identities_;
  uint32_t partitions_ = 1;
};

}  // namespace millstream
