#pragma once
/// The distinct values of each group, and how often each comes: what sets, lists, approximate quantiles and most frequent values are made of. Holds every distinct value.
///
/// The null counts as a value here. Values stand in their order (ordered_bytes.h), nulls last; where row numbers are kept, they come before the values.

#include "aggregate/aggregate_state.h"
#include "aggregate/group_keys.h"

namespace millstream {

/// What is counted.
struct ValueForm {
  enum class Kind : uint8_t {
    kAsIs,     // values of a storage type that has an order
    kNumbered, // those, each with its row number (0 where none is known), and no two rows are one
    kRounded,  // numbers as doubles, rounded to `bits` significant bits
  };
  Kind kind = Kind::kAsIs;
  int bits = 53;
};

class ValueCountsState final : public AggregateState {
 public:
  ValueCountsState(ValueForm form, std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool);

  Status Prepare(const GroupedRows& rows) override;
  void Apply(const GroupedRows& rows) override;
  void Abandon() override { entries_->Truncate(counts_.size()); }
  arrow::FieldVector partial_fields() const override;
  Status PrepareMerge(const GroupedPartials& partials) override;
  void Merge(const GroupedPartials& partials) override;
  Status Seal(int64_t group_count) override;
  Result<ArrayDataVector> Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override;
  void Release() override;
  int64_t bytes() const override;

  /// Numbers of distinct values, the entries of this state.
  struct Entries {
    const uint32_t* begin;
    int64_t count;
    uint32_t operator[](int64_t i) const { return begin[i]; }
  };
  /// Of a group, in order. After Seal.
  Entries EntriesOf(uint32_t group) const { return {order_.data() + starts_[group], starts_[group + 1] - starts_[group]}; }
  int64_t CountOf(uint32_t entry) const { return counts_[entry]; }
  /// Whether the value is null. Constant time.
  bool IsNull(uint32_t entry) const { return marks_[entry] == kNull; }
  /// Whether it is NaN; only where doubles are counted.
  bool IsNan(uint32_t entry) const { return marks_[entry] == kNan; }
  /// Type of the values: as they came, or double.
  const std::shared_ptr<arrow::DataType>& value_type() const { return value_type_; }
  Result<ArrayDataPtr> Values(const uint32_t* entries, int64_t count, arrow::MemoryPool* pool) const;

 private:
  static constexpr uint8_t kNull = 1;
  static constexpr uint8_t kNan = 2;

  bool numbered() const { return form_.kind == ValueForm::Kind::kNumbered; }
  int value_column() const { return numbered() ? 2 : 1; }
  Result<ArrayDataPtr> InForm(const arrow::ArrayData& values, int64_t rows) const;
  /// Finds the entries of rows, new ones among them, and keeps them in numbers_.
  Status NumberRows(const uint32_t* groups, const uint64_t* row_numbers, const arrow::ArrayData& values, int64_t rows);
  void CountRows(const uint32_t* groups, const arrow::ArrayData& values, const int64_t* counts, int64_t rows);
  uint8_t MarkOf(const arrow::ArrayData& values, int64_t row, uint8_t valid) const;
  std::shared_ptr<arrow::DataType> EntryType() const;

  const ValueForm form_;
  const std::shared_ptr<arrow::DataType> value_type_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<GroupKeys> entries_;  // keys: group, row number where it is kept, value
  PoolVector<int64_t> counts_;          // by entry
  PoolVector<uint32_t> groups_;
  PoolVector<uint8_t> marks_;
  PoolVector<uint32_t> numbers_;        // of the rows that were prepared
  PoolVector<uint32_t> expanded_groups_;
  ArrayDataPtr prepared_values_;
  PoolVector<uint32_t> order_;          // after Seal: entries by group and value
  PoolVector<int64_t> starts_;
};

}  // namespace millstream
