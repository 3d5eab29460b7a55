#pragma once
/// GroupKeys of any columns, as encoded rows.

#include "aggregate/byte_table.h"
#include "aggregate/group_keys.h"
#include "aggregate/ordered_bytes.h"

namespace millstream {

class ByteKeys final : public GroupKeys {
 public:
  ByteKeys(std::vector<std::shared_ptr<arrow::DataType>> types, KeyRepeats repeats, arrow::MemoryPool* pool)
      : pool_(pool), types_(std::move(types)), table_(repeats, pool), rows_(pool) {}

  void Truncate(int64_t count) override { table_.Truncate(count); }
  void Release() override { table_.Release(); }
  int64_t size() const override { return table_.size(); }
  int64_t bytes() const override { return table_.bytes() + rows_.held_bytes(); }
  uint64_t HashOf(uint32_t number) const override { return table_.HashOf(number); }
  Status Sort(uint32_t* numbers, int64_t count) const override;
  Result<std::shared_ptr<arrow::ArrayData>> Decode(int column, const uint32_t* numbers, int64_t count, arrow::MemoryPool* pool) const override;

 protected:
  Status NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) override;

 private:
  arrow::MemoryPool* const pool_;
  const std::vector<std::shared_ptr<arrow::DataType>> types_;
  ByteTable table_;
  EncodedRows rows_;
};

}  // namespace millstream
