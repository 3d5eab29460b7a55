#pragma once
/// Groups rows by key columns and aggregates each group: one lane's table. Lanes exchange partials, so that each group ends in one table.
///
///   ARROW_ASSIGN_OR_RAISE(auto table, GroupTable::Make(schema, {0}, {{AggregateKind::kMean, 1, "mean(x)"}}, pool));
///   ARROW_RETURN_NOT_OK(table->Consume(*batch));              // any number of times, rows in any order
///   … on another lane, or later:  other->ConsumePartials(*partials) for each of table->TakePartials(partitions)
///   ARROW_ASSIGN_OR_RAISE(auto results, table->Finish());
///
/// Results do not depend on the order in which rows and partials are consumed, nor on how they are cut, bit for bit: integers and decimals are summed as they
/// are, floating point without any rounding but the last (exact_sum.h; up to 2^40 rows a group), and what is a list has a defined order (aggregate_spec.h).
///
/// Keys are equal as in ordered_bytes.h: all NaN are one group, -0.0 is 0.0, nulls are one group. Dictionaries and run ends count as their values, and
/// come out as such; extension types are kept. With no key columns all rows are one group, which is there even if there are no rows.
///
/// Memory: all that grows with rows and groups comes from the pool, which must outlive the table and the batches it gives. A refused allocation is the
/// pool's Status (kBudget), and the table is as it was before the call: give memory back, by TakePartials for instance, and repeat the call.
///
/// Not thread-safe.

#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "aggregate/aggregate_result.h"
#include "aggregate/aggregate_spec.h"
#include "aggregate/group_keys.h"

namespace millstream {

class GroupTable {
 public:
  /// `input`: of the batches; `keys`: its columns to group by. kType, naming column and remedy, where a column cannot be grouped by, or not be aggregated so;
  /// kInvalidArgument for options out of range.
  static Result<std::unique_ptr<GroupTable>> Make(std::shared_ptr<arrow::Schema> input, std::vector<int> keys, std::vector<AggregateSpec> specs, arrow::MemoryPool* pool);

  /// Keys, then one column an AggregateSpec.
  const std::shared_ptr<arrow::Schema>& result_schema() const { return result_schema_; }
  /// Keys, then columns of states. The same for all tables with the same input types, keys and specs.
  const std::shared_ptr<arrow::Schema>& partial_schema() const { return partial_schema_; }

  /// `row_numbers`: one a row, by which kAsList orders; null: none are known. kType where the batch is not of the input's types.
  Status Consume(const arrow::RecordBatch& batch, const uint64_t* row_numbers = nullptr);
  /// Of partial_schema(). kType where it is not; kCorruptData where values are none that PartialsOf gives.
  Status ConsumePartials(const arrow::RecordBatch& partials);

  int64_t groups() const;
  /// Held now.
  int64_t bytes() const;

  /// Orders the groups by partition; then PartialsSlice gives [begin, begin + count) in that order, until rows come again or PrepareFinish is called. Which partition
  /// a group is in depends on its key and `level` alone; levels are independent of each other, so that a partition that is still too large can be parted again.
  Status PrepareParts(int partitions, int level = 0);
  /// Of PrepareParts: groups [part_offsets()[p], part_offsets()[p + 1]) are in partition p.
  const std::vector<int64_t>& part_offsets() const { return part_offsets_; }
  Result<std::shared_ptr<arrow::RecordBatch>> PartialsSlice(int64_t begin, int64_t count);
  /// The groups of one of `partitions` partitions. The table is as it was.
  Result<std::shared_ptr<arrow::RecordBatch>> PartialsOf(int partition, int partitions, int level = 0);
  /// One batch a partition; the table is empty then.
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> TakePartials(int partitions = 1, int level = 0);
  /// Of the group that came first.
  uint64_t first_hash() const { return HashOf(0); }
  /// Forgets all groups and gives the memory back.
  void Clear();

  /// Orders the groups by their keys, ascending, nulls last; then FinishSlice gives results of [begin, begin + count) in that order, until rows come again.
  /// kInvalidArgument where a sum does not fit its type.
  Status PrepareFinish();
  Result<std::shared_ptr<arrow::RecordBatch>> FinishSlice(int64_t begin, int64_t count);
  /// All of them.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  GroupTable(std::shared_ptr<arrow::Schema> input, std::vector<int> keys, arrow::MemoryPool* pool);
  Status Plan(const std::vector<AggregateSpec>& specs);
  Status NumberGroups(const ColumnPointers& keys, int64_t rows);
  Status Seal();
  uint64_t HashOf(uint32_t group) const { return group_keys_ == nullptr ? 0 : group_keys_->HashOf(group); }
  Result<ArrayDataVector> KeyColumns(const uint32_t* groups, int64_t count) const;
  /// Prepares all states by prepare(member), and applies by apply(member), or leaves all as it was.
  template <typename Prepare, typename Apply>
  Status Update(int64_t groups_before, Prepare prepare, Apply apply);

  const std::shared_ptr<arrow::Schema> input_;
  const std::vector<int> keys_;
  arrow::MemoryPool* const pool_;
  arrow::FieldVector key_fields_;
  std::shared_ptr<arrow::Schema> result_schema_;
  std::shared_ptr<arrow::Schema> partial_schema_;
  std::unique_ptr<GroupKeys> group_keys_;  // null: no keys
  StateSet states_;
  std::vector<ResultMaker> results_;
  PoolVector<uint32_t> numbers_;  // of the rows being consumed
  bool sealed_ = false;
  enum class Order : uint8_t { kNone, kOfKeys, kOfPartitions };
  PoolVector<uint32_t> order_;    // of PrepareFinish or PrepareParts
  Order ordered_ = Order::kNone;
  std::vector<int64_t> part_offsets_;
  int parted_level_ = 0;
};

}  // namespace millstream
