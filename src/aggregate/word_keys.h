#pragma once
/// GroupKeys of a few columns that have words.
///
/// One column: its words; the null, if there is one, has no word and stands beside the table. Several: a word of null bits before theirs, so that nulls are
/// keys like others. Words of nulls are 0.

#include <algorithm>
#include <array>
#include <utility>

#include "aggregate/group_keys.h"
#include "aggregate/ordered_word.h"
#include "aggregate/word_table.h"

namespace millstream {

template <int kColumns>
class WordKeys final : public GroupKeys {
 public:
  WordKeys(std::vector<std::shared_ptr<arrow::DataType>> types, arrow::MemoryPool* pool) : pool_(pool), types_(std::move(types)), table_(pool) {}

  void Truncate(int64_t count) override { table_.Truncate(count); }
  void Release() override { table_.Release(); }
  int64_t size() const override { return table_.size(); }
  int64_t bytes() const override { return table_.bytes(); }
  uint64_t HashOf(uint32_t number) const override { return table_.HashOf(number); }

  Status Sort(uint32_t* numbers, int64_t count) const override {
    std::sort(numbers, numbers + count, [&](uint32_t left, uint32_t right) { return Before(table_.KeyOf(left), table_.KeyOf(right)); });
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::ArrayData>> Decode(int column, const uint32_t* numbers, int64_t count, arrow::MemoryPool* pool) const override {
    PoolVector<uint64_t> words(pool_);
    PoolVector<uint8_t> valid(pool_);
    ARROW_RETURN_NOT_OK(words.Resize(count));
    ARROW_RETURN_NOT_OK(valid.Resize(count));
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t* key = table_.KeyOf(numbers[i]);
      words[i] = key[1 + column];
      valid[i] = (key[0] >> column & 1) == 0;
    }
    return DecodeWords(types_[column], words.data(), 1, valid.data(), count, pool);
  }

 protected:
  Status NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) override {
    std::array<uint64_t, kBlockRows * kWords> keys;
    for (int64_t i = 0; i < count; ++i) keys[i * kWords] = 0;
    for (int column = 0; column < kColumns; ++column) {
      EncodeWords(*columns[column], begin, count, kWords, keys.data() + 1 + column);
      MarkNulls(*columns[column], begin, count, column, keys.data());
    }
    return table_.Number(keys.data(), count, numbers);
  }

 private:
  static constexpr int kWords = 1 + kColumns;

  static void MarkNulls(const arrow::ArrayData& values, int64_t begin, int64_t count, int column, uint64_t* keys) {
    if (!MayBeNull(values)) return;
    std::array<uint8_t, kBlockRows> valid;
    FillValid(values, begin, count, valid.data());
    for (int64_t i = 0; i < count; ++i) keys[i * kWords] |= static_cast<uint64_t>(valid[i] ^ 1) << column;
  }

  static bool Before(const uint64_t* left, const uint64_t* right) {
    for (int column = 0; column < kColumns; ++column) {
      const auto of = [&](const uint64_t* key) { return std::pair(key[0] >> column & 1, key[1 + column]); };
      if (of(left) != of(right)) return of(left) < of(right);
    }
    return false;
  }

  arrow::MemoryPool* const pool_;
  const std::vector<std::shared_ptr<arrow::DataType>> types_;
  WordTable<kWords> table_;
};

}  // namespace millstream
