#pragma once
/// The exact sum of each group's values, or of their squares, and how many there are.
///
/// Integers, booleans and decimals are added as they are, floating point as what it stands for: whatever the order, and however rows are cut into batches and
/// tables, the sum is the same. NaN and infinities are not added but remembered, by flags.

#include "aggregate/aggregate_state.h"
#include "aggregate/limb_records.h"
#include "aggregate/numbers.h"

namespace millstream {

class SumState : public AggregateState {
 public:
  static constexpr uint8_t kNan = 1;
  static constexpr uint8_t kInfinity = 2;
  static constexpr uint8_t kMinusInfinity = 4;

  /// Of a column of numbers of this type.
  static std::unique_ptr<SumState> Make(const arrow::DataType& type, arrow::MemoryPool* pool);
  /// Squares; decimals as the nearest doubles.
  static std::unique_ptr<SumState> MakeOfSquares(const arrow::DataType& type, arrow::MemoryPool* pool);

  arrow::FieldVector partial_fields() const override;
  Status PrepareMerge(const GroupedPartials& partials) override;
  void Merge(const GroupedPartials& partials) override;
  Status Seal(int64_t group_count) override { return GrowTo(group_count, {}); }
  Result<ArrayDataVector> Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override;
  void Release() override;
  int64_t bytes() const override { return records_.bytes() + flags_.bytes(); }

  /// Values that are not null, NaN and infinities too.
  int64_t CountOf(uint32_t group) const { return records_.CountOf(group); }
  /// The sum of the finite values. Of decimals: of their unscaled integers.
  const LimbRecords& sums() const { return records_; }
  uint8_t FlagsOf(uint32_t group) const { return group < flags_.size() ? flags_[group] : 0; }

 protected:
  /// `limbs_fixed`: limbs that hold any sum that can be; 0: they follow the values.
  SumState(int limbs_fixed, int exponent, arrow::MemoryPool* pool)
      : limbs_fixed_(limbs_fixed), records_(limbs_fixed == 0 ? 3 : limbs_fixed, exponent, pool), flags_(pool) {}

  Status GrowTo(int64_t group_count, BitRange range);
  int positions_max() const;

  const int limbs_fixed_;
  LimbRecords records_;
  PoolVector<uint8_t> flags_;  // shorter than the groups while none has any
};

}  // namespace millstream
