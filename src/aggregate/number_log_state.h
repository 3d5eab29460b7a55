#pragma once
/// All numbers of each group, for exact quantiles: 12 bytes a number while rows come, 8 when they are sealed. Nulls and NaN are passed over.

#include "aggregate/aggregate_state.h"

namespace millstream {

class NumberLogState final : public AggregateState {
 public:
  explicit NumberLogState(arrow::MemoryPool* pool) : groups_(pool), words_(pool), starts_(pool) {}

  Status Prepare(const GroupedRows& rows) override;
  void Apply(const GroupedRows& rows) override;
  arrow::FieldVector partial_fields() const override;
  Status PrepareMerge(const GroupedPartials& partials) override;
  void Merge(const GroupedPartials& partials) override;
  Status Seal(int64_t group_count) override;
  Result<ArrayDataVector> Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override;
  void Release() override;
  int64_t bytes() const override { return groups_.bytes() + words_.bytes() + starts_.bytes(); }

  // After Seal.
  int64_t CountOf(uint32_t group) const { return starts_[group + 1] - starts_[group]; }
  /// The number that stands at `rank`, from 0, in ascending order.
  double At(uint32_t group, int64_t rank) const;

 private:
  bool sealed() const { return starts_.size() > 0; }
  /// Makes the log of what was sealed.
  Status Unseal();

  // A log of numbers' words and their groups; when sealed, words by group in their order, and where each group's begin.
  PoolVector<uint32_t> groups_;
  PoolVector<uint64_t> words_;
  PoolVector<int64_t> starts_;
};

}  // namespace millstream
