#pragma once
/// The least or the greatest value of each group, in the order of ordered_bytes.h. Nulls are passed over; so is NaN, unless there is nothing else.

#include "aggregate/aggregate_state.h"

namespace millstream {

enum class Extreme : uint8_t { kLeast, kGreatest };

class ExtremeState : public AggregateState {
 public:
  /// For a storage type that has an order.
  static std::unique_ptr<ExtremeState> Make(Extreme extreme, const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool);

  arrow::FieldVector partial_fields() const override { return {arrow::field("value", type_)}; }
  Result<ArrayDataVector> Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(auto values, Values(groups, count, pool));
    return ArrayDataVector{std::move(values)};
  }
  Status PrepareMerge(const GroupedPartials& partials) override { return Prepare(RowsOf(partials)); }
  void Merge(const GroupedPartials& partials) override { Apply(RowsOf(partials)); }

  /// Null for groups with no value.
  virtual Result<ArrayDataPtr> Values(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const = 0;

 protected:
  ExtremeState(Extreme extreme, std::shared_ptr<arrow::DataType> type) : greatest_(extreme == Extreme::kGreatest), type_(std::move(type)) {}

  const bool greatest_;
  const std::shared_ptr<arrow::DataType> type_;

 private:
  static GroupedRows RowsOf(const GroupedPartials& partials) {
    return {partials.columns[0].get(), partials.groups, partials.rows, partials.group_count, nullptr};
  }
};

}  // namespace millstream
