#pragma once
/// What is remembered of the groups of a table for one column and one purpose: a count, a sum, the greatest value. Results are made of one state or a few
/// (aggregate_result.h), and several results share a state.
///
/// Groups are numbered from 0. Rows are taken in two steps, so that a batch that cannot be taken leaves nothing behind: Prepare does all that can fail and
/// nothing that can be seen, for every state of a table; then Apply, which cannot fail, for every state, or Abandon. So with the rows of other tables'
/// partials: PrepareMerge, then Merge or Abandon.
///
/// Not thread-safe. Memory comes from the pool given at construction, which must outlive the state.

#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "aggregate/pool_vector.h"

namespace millstream {

using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;
using ArrayDataVector = std::vector<ArrayDataPtr>;

/// Rows of a batch.
struct GroupedRows {
  const arrow::ArrayData* values;  // in storage form; null for states that look at no column
  const uint32_t* groups;          // of each row
  int64_t rows;
  int64_t group_count;             // of the table, with the groups of these rows
  const uint64_t* row_numbers;     // of each row; null: none are known
};

/// Rows of a batch of partials.
struct GroupedPartials {
  ArrayDataVector columns;  // of this state's partial_fields()
  const uint32_t* groups;
  int64_t rows;
  int64_t group_count;
};

class AggregateState {
 public:
  static constexpr int64_t kBlockRows = 256;

  virtual ~AggregateState() = default;

  virtual Status Prepare(const GroupedRows& rows) = 0;
  virtual void Apply(const GroupedRows& rows) = 0;

  virtual arrow::FieldVector partial_fields() const = 0;
  /// kCorruptData where the columns are of the right types but hold what Partials does not write.
  virtual Status PrepareMerge(const GroupedPartials& partials) = 0;
  virtual void Merge(const GroupedPartials& partials) = 0;

  /// Undoes Prepare or PrepareMerge.
  virtual void Abandon() {}

  /// Called once before Partials or results are asked for, after the last rows.
  virtual Status Seal(int64_t group_count) { return Status::OK(); }
  /// The state of these groups as columns, from `pool`.
  virtual Result<ArrayDataVector> Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const = 0;

  /// Forgets all groups and gives the memory back.
  virtual void Release() = 0;
  virtual int64_t bytes() const = 0;
};

}  // namespace millstream
