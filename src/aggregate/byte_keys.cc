#include "aggregate/byte_keys.h"

#include <arrow/util/bit_util.h>

#include <algorithm>

#include "aggregate/cell_bytes.h"

namespace millstream {
namespace {

/// The first bytes of a key as a word in their order, so that most comparisons need no more.
uint64_t FirstWord(std::string_view key) {
  uint64_t word = 0;
  std::memcpy(&word, key.data(), std::min<size_t>(key.size(), 8));
  return arrow::bit_util::FromBigEndian(word);
}

}  // namespace

Status ByteKeys::Sort(uint32_t* numbers, int64_t count) const {
  struct FirstOfNumber { uint64_t first; uint32_t number; };
  PoolVector<FirstOfNumber> order(pool_);
  ARROW_RETURN_NOT_OK(order.Reserve(count));
  for (int64_t i = 0; i < count; ++i) order.Append({FirstWord(table_.KeyOf(numbers[i])), numbers[i]});
  std::sort(order.data(), order.data() + count, [&](const FirstOfNumber& left, const FirstOfNumber& right) {
    return left.first != right.first ? left.first < right.first : table_.KeyOf(left.number) < table_.KeyOf(right.number);
  });
  for (int64_t i = 0; i < count; ++i) numbers[i] = order[i].number;
  return Status::OK();
}

Result<std::shared_ptr<arrow::ArrayData>> ByteKeys::Decode(int column, const uint32_t* numbers, int64_t count, arrow::MemoryPool* pool) const {
  RowCells cells(pool_);
  ARROW_RETURN_NOT_OK(cells.Reserve(count));
  for (int64_t i = 0; i < count; ++i) cells.Add(table_.KeyOf(numbers[i]));
  for (int before = 0; before < column; ++before) {
    for (int64_t i = 0; i < count; ++i) cells.at[i] = EndOfCell(*types_[before], cells.at[i]);
  }
  return DecodeColumn(types_[column], column + 1 == static_cast<int>(types_.size()), &cells, pool);
}

Status ByteKeys::NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) {
  ARROW_RETURN_NOT_OK(rows_.Encode(columns, begin, count));
  return table_.Number(rows_.bytes(), rows_.ends(), count, numbers);
}

}  // namespace millstream
