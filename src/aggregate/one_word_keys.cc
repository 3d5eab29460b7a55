#include "aggregate/one_word_keys.h"

namespace millstream {

void OneWordKeys::Truncate(int64_t count) {
  if (null_number_ >= count) null_number_ = -1;
  table_.Truncate(null_number_ >= 0 ? count - 1 : count);
}

void OneWordKeys::Release() {
  table_.Release();
  null_number_ = -1;
}

Status OneWordKeys::Sort(uint32_t* numbers, int64_t count) const {
  struct WordOfNumber { uint64_t word; uint32_t number; };
  PoolVector<WordOfNumber> order(pool_);
  ARROW_RETURN_NOT_OK(order.Reserve(count));
  bool has_null = false;
  for (int64_t i = 0; i < count; ++i) {
    if (numbers[i] == null_number_) has_null = true;
    else order.Append({table_.KeyOf(InTable(numbers[i])), numbers[i]});
  }
  std::sort(order.data(), order.data() + order.size(), [](const WordOfNumber& left, const WordOfNumber& right) { return left.word < right.word; });
  for (int64_t i = 0; i < order.size(); ++i) numbers[i] = order[i].number;
  if (has_null) numbers[count - 1] = static_cast<uint32_t>(null_number_);
  return Status::OK();
}

Result<std::shared_ptr<arrow::ArrayData>> OneWordKeys::Decode(int, const uint32_t* numbers, int64_t count, arrow::MemoryPool* pool) const {
  PoolVector<uint64_t> words(pool_);
  PoolVector<uint8_t> valid(pool_);
  ARROW_RETURN_NOT_OK(words.Resize(count));
  ARROW_RETURN_NOT_OK(valid.Resize(count));
  for (int64_t i = 0; i < count; ++i) {
    valid[i] = numbers[i] != null_number_;
    words[i] = valid[i] != 0 ? table_.KeyOf(InTable(numbers[i])) : 0;
  }
  return DecodeWords(type_, words.data(), 1, valid.data(), count, pool);
}

Status OneWordKeys::NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) {
  std::array<uint64_t, kBlockRows> words;
  EncodeWords(*columns[0], begin, count, 1, words.data());
  if (!MayBeNull(*columns[0]) && null_number_ < 0) return table_.Number(words.data(), count, numbers);
  std::array<uint8_t, kBlockRows> valid;
  FillValid(*columns[0], begin, count, valid.data());
  return NumberWithNulls(words.data(), valid.data(), count, numbers);
}

Status OneWordKeys::NumberWithNulls(const uint64_t* words, const uint8_t* valid, int64_t count, uint32_t* numbers) {
  std::array<uint64_t, kBlockRows> kept{};
  std::array<uint32_t, kBlockRows> in_table;
  int64_t kept_count = 0;
  for (int64_t i = 0; i < count; ++i) {
    kept[kept_count] = words[i];
    kept_count += valid[i];
  }
  ARROW_RETURN_NOT_OK(table_.Number(kept.data(), kept_count, in_table.data()));
  if (kept_count < count && null_number_ < 0) null_number_ = table_.size();
  int64_t next = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (valid[i] == 0) {
      numbers[i] = static_cast<uint32_t>(null_number_);
      continue;
    }
    const uint32_t number = in_table[next++];
    numbers[i] = null_number_ >= 0 && number >= null_number_ ? number + 1 : number;
  }
  return Status::OK();
}

}  // namespace millstream
