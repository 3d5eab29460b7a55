#pragma once
/// How many rows of each group are of a kind.

#include "aggregate/aggregate_state.h"

namespace millstream {

enum class CountedRows : uint8_t {
  kAll,      // looks at no column
  kValid,    // not null
  kMissing,  // null or NaN
  kZero,     // a number that is 0
};

class CountState final : public AggregateState {
 public:
  CountState(CountedRows counted, arrow::MemoryPool* pool) : counted_(counted), counts_(pool) {}

  Status Prepare(const GroupedRows& rows) override { return counts_.Grow(rows.group_count, 0); }
  void Apply(const GroupedRows& rows) override;
  arrow::FieldVector partial_fields() const override;
  Status PrepareMerge(const GroupedPartials& partials) override { return counts_.Grow(partials.group_count, 0); }
  void Merge(const GroupedPartials& partials) override;
  Status Seal(int64_t group_count) override { return counts_.Grow(group_count, 0); }
  Result<ArrayDataVector> Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override;
  void Release() override { counts_.Release(); }
  int64_t bytes() const override { return counts_.bytes(); }

  int64_t CountOf(uint32_t group) const { return counts_[group]; }

 private:
  const CountedRows counted_;
  PoolVector<int64_t> counts_;
};

}  // namespace millstream
