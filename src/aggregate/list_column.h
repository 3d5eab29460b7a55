#pragma once
/// Puts together columns of lists whose items are numbers (of distinct values, say) that are looked up later.
///
///   ListColumn lists(pool);
///   … lists.AddList(numbers, count) a row, or AddNull() …
///   values = LookUp(lists.items(), lists.item_count()); lists.Finish(arrow::list(value_type), values)

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "aggregate/aggregate_state.h"

namespace millstream {

class ListColumn {
 public:
  explicit ListColumn(arrow::MemoryPool* pool) : pool_(pool), items_(pool), ends_(pool), valid_(pool) {}

  Status Reserve(int64_t rows);
  /// Within the reserved rows.
  Status AddList(const uint32_t* items, int64_t count);
  Status AddItem(uint32_t item);
  void EndList() { EndRow(1); }
  void AddNull() { EndRow(0); }

  const uint32_t* items() const { return items_.data(); }
  int64_t item_count() const { return items_.size(); }

  /// An int64 column of of(item) for each item.
  template <typename Of>
  Result<ArrayDataPtr> MapItems(Of of) const {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(item_count() * static_cast<int64_t>(sizeof(int64_t)), pool_));
    for (int64_t i = 0; i < item_count(); ++i) buffer->mutable_data_as<int64_t>()[i] = of(items_[i]);
    return arrow::ArrayData::Make(arrow::int64(), item_count(), {nullptr, std::move(buffer)}, 0);
  }

  /// `type`: a list or large list. kInvalidArgument where 32-bit offsets cannot span the items.
  Result<ArrayDataPtr> Finish(const std::shared_ptr<arrow::DataType>& type, ArrayDataPtr values) const;

 private:
  void EndRow(uint8_t valid);
  template <typename Offset>
  Result<std::shared_ptr<arrow::Buffer>> Offsets() const;

  arrow::MemoryPool* const pool_;
  PoolVector<uint32_t> items_;
  PoolVector<int64_t> ends_;
  PoolVector<uint8_t> valid_;
};

}  // namespace millstream
