#pragma once
/// GroupKeys of one column that has words, the usual case: a group's key is its word. The null, where there is one, keeps a number of its own, and the table's numbers
/// from there on are one less than the groups'.

#include <arrow/util/bit_util.h>

#include <algorithm>
#include <array>

#include "aggregate/group_keys.h"
#include "aggregate/one_word_table.h"
#include "aggregate/ordered_word.h"

namespace millstream {

class OneWordKeys final : public GroupKeys {
 public:
  OneWordKeys(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool) : pool_(pool), type_(std::move(type)), table_(pool) {}

  void Truncate(int64_t count) override;
  void Release() override;
  int64_t size() const override { return table_.size() + (null_number_ >= 0); }
  int64_t bytes() const override { return table_.bytes(); }
  uint64_t HashOf(uint32_t number) const override { return number == null_number_ ? kHashOfNull : table_.HashOf(InTable(number)); }
  Status Sort(uint32_t* numbers, int64_t count) const override;
  Result<std::shared_ptr<arrow::ArrayData>> Decode(int column, const uint32_t* numbers, int64_t count, arrow::MemoryPool* pool) const override;

 protected:
  Status NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) override;

 private:
  static constexpr uint64_t kHashOfNull = 0x5851f42d4c957f2dULL;

  bool AfterNull(int64_t number) const { return null_number_ >= 0 && number > null_number_; }
  uint32_t InTable(uint32_t number) const { return AfterNull(number) ? number - 1 : number; }
  Status NumberWithNulls(const uint64_t* words, const uint8_t* valid, int64_t count, uint32_t* numbers);

  arrow::MemoryPool* const pool_;
  const std::shared_ptr<arrow::DataType> type_;
  OneWordTable table_;
  int64_t null_number_ = -1;
};

}  // namespace millstream
