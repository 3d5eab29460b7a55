#pragma once
/// Puts the columns of one partition into order, straight into the memory of the batches they belong to.

#include "exchange/partition_order.h"
#include "exchange/shuffle_store.h"

namespace millstream {


/// One column, brought together from the pieces once and then gathered for any number of ranges. A single piece is not copied: `rows` must live on.
class PartitionColumn {
 public:
  static Result<PartitionColumn> Make(const PartitionRows& rows, int column, int flat_width,
                                      const std::shared_ptr<arrow::DataType>& storage_type, const std::shared_ptr<BudgetPool>& pool);

  bool has_nulls() const { return valid_ != nullptr; }
  /// Flat columns: how and where the values are.
  int width() const { return width_; }
  int64_t base() const { return base_; }
  const uint8_t* values() const { return values_; }
  const uint8_t* valid() const { return valid_; }
  /// Array columns, in storage form.
  const std::shared_ptr<arrow::ArrayData>& array() const { return array_; }

  /// Flat columns: out[i] = value of the row that comes (begin + i)-th.
  void GatherFlat(const PartitionOrder& order, int64_t begin, int64_t count, uint8_t* values) const;
  void GatherValid(const PartitionOrder& order, int64_t begin, int64_t count, uint8_t* valid) const;
  /// Array columns.
  Result<std::shared_ptr<arrow::ArrayData>> GatherArray(const PartitionOrder& order, int64_t begin, int64_t count, arrow::MemoryPool* pool) const;

 private:
  int flat_width_ = 0;
  int width_ = 0;
  int64_t base_ = 0;
  const uint8_t* values_ = nullptr;
  const uint8_t* valid_ = nullptr;
  std::shared_ptr<OwnedBuffer> values_joined_;
  std::shared_ptr<OwnedBuffer> valid_joined_;
  std::shared_ptr<arrow::ArrayData> array_;
};

/// The column of all rows, in storage form and the order of the pieces.
Result<std::shared_ptr<arrow::ArrayData>> WholeColumn(const PartitionRows& rows, int column, int flat_width, const std::shared_ptr<arrow::DataType>& storage_type,
                                                      const std::shared_ptr<BudgetPool>& pool);

}  // namespace millstream
