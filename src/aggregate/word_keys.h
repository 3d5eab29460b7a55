#pragma once
/// GroupKeys of two columns or three that have words.
///
/// A key is a word with a bit for each column that is null, then the columns' words, 0 for nulls. `kPacked`: the first column's words have 32 bits at most, and
/// stand in the upper half of the word of null bits.

#include <algorithm>
#include <array>
#include <utility>

#include "aggregate/group_keys.h"
#include "aggregate/ordered_word.h"
#include "aggregate/word_table.h"

namespace millstream {

template <int kColumns, bool kPacked>
class WordKeys final : public GroupKeys {
 public:
  WordKeys(std::vector<std::shared_ptr<arrow::DataType>> types, KeyRepeats repeats, arrow::MemoryPool* pool)
      : pool_(pool), types_(std::move(types)), table_(repeats, pool) {}

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
      words[i] = WordOf(key, column);
      valid[i] = !IsNull(key, column);
    }
    return DecodeWords(types_[column], words.data(), 1, valid.data(), count, pool);
  }

 protected:
  Status NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) override {
    std::array<uint64_t, kBlockRows * kWords> keys;
    if (kPacked) {
      EncodeWords(*columns[0], begin, count, kWords, keys.data());
      for (int64_t i = 0; i < count; ++i) keys[i * kWords] <<= 32;
    } else {
      for (int64_t i = 0; i < count; ++i) keys[i * kWords] = 0;
    }
    for (int column = 0; column < kColumns; ++column) {
      if (!kPacked || column > 0) EncodeWords(*columns[column], begin, count, kWords, keys.data() + Place(column));
      MarkNulls(*columns[column], begin, count, column, keys.data());
    }
    return table_.Number(keys.data(), count, numbers);
  }

 private:
  static constexpr int kWords = kPacked ? kColumns : 1 + kColumns;

  static constexpr int Place(int column) { return kPacked ? column : 1 + column; }
  static uint64_t WordOf(const uint64_t* key, int column) { return kPacked && column == 0 ? key[0] >> 32 : key[Place(column)]; }
  static bool IsNull(const uint64_t* key, int column) { return (key[0] >> column & 1) != 0; }

  static void MarkNulls(const arrow::ArrayData& values, int64_t begin, int64_t count, int column, uint64_t* keys) {
    if (!MayBeNull(values)) return;
    std::array<uint8_t, kBlockRows> valid;
    FillValid(values, begin, count, valid.data());
    for (int64_t i = 0; i < count; ++i) keys[i * kWords] |= static_cast<uint64_t>(valid[i] ^ 1) << column;
  }

  static bool Before(const uint64_t* left, const uint64_t* right) {
    for (int column = 0; column < kColumns; ++column) {
      const auto of = [&](const uint64_t* key) { return std::pair(IsNull(key, column), WordOf(key, column)); };
      if (of(left) != of(right)) return of(left) < of(right);
    }
    return false;
  }

  arrow::MemoryPool* const pool_;
  const std::vector<std::shared_ptr<arrow::DataType>> types_;
  WordTable<kWords> table_;
};

}  // namespace millstream
