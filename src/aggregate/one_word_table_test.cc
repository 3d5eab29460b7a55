// What a table of words answers, whichever of window and slots it has, beside std::unordered_map.

#include "aggregate/one_word_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <unordered_map>
#include <vector>

#include "memory/budget_pool.h"
#include "testing/charge_faults.h"

namespace millstream {
namespace {

using Words = std::vector<uint64_t>;

constexpr uint64_t kTop = uint64_t{1} << 63;  // what the integer 0 has as a word

/// A table beside what it must answer.
class Checked {
 public:
  explicit Checked(arrow::MemoryPool* pool = arrow::default_memory_pool()) : table_(pool) {}

  void Number(const Words& words) {
    Words::const_iterator begin = words.begin();
    while (begin != words.end()) {
      const auto count = std::min<int64_t>(OneWordTable::kBlockRows, words.end() - begin);
      ASSERT_TRUE(NumberBlock(&*begin, count).ok());
      begin += count;
    }
  }

  Status NumberBlock(const uint64_t* words, int64_t count) {
    std::vector<uint32_t> numbers(static_cast<size_t>(count));
    ARROW_RETURN_NOT_OK(table_.Number(words, count, numbers.data()));
    for (int64_t i = 0; i < count; ++i) {
      const auto wanted = wanted_.try_emplace(words[i], static_cast<uint32_t>(wanted_.size())).first->second;
      EXPECT_EQ(numbers[static_cast<size_t>(i)], wanted) << words[i];
    }
    ExpectKeys();
    return Status::OK();
  }

  void Truncate(int64_t count) {
    table_.Truncate(count);
    std::erase_if(wanted_, [&](const auto& entry) { return entry.second >= count; });
    ExpectKeys();
  }

  void ExpectKeys() const {
    ASSERT_EQ(table_.size(), static_cast<int64_t>(wanted_.size()));
    for (const auto& [word, number] : wanted_) EXPECT_EQ(table_.KeyOf(number), word);
  }

  OneWordTable* table() { return &table_; }

 private:
  OneWordTable table_;
  std::unordered_map<uint64_t, uint32_t> wanted_;
};

Words Random(uint64_t first, uint64_t span, int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  Words words(static_cast<size_t>(count));
  for (uint64_t& word : words) word = first + random() % span;
  return words;
}

TEST(OneWordTable, DenseWordsInAnyOrder) {
  Checked table;
  table.Number(Random(kTop - 500, 20'000, 60'000, 1));
  table.Number(Random(kTop - 500, 20'000, 60'000, 2));
}

TEST(OneWordTable, RisingAndFallingWords) {
  Checked rising, falling;
  Words words(30'000);
  for (size_t i = 0; i < words.size(); ++i) words[i] = kTop + i;
  rising.Number(words);
  std::reverse(words.begin(), words.end());
  falling.Number(words);
}

TEST(OneWordTable, WordsAtBothEndsOfAll) {
  Checked least, greatest, both;
  least.Number(Random(0, 3000, 9000, 3));
  greatest.Number(Random(UINT64_MAX - 2999, 3000, 9000, 4));
  both.Number(Random(0, 3000, 3000, 5));
  both.Number({0, UINT64_MAX, 17, kTop});
  both.Number(Random(UINT64_MAX - 2999, 3000, 9000, 6));
}

TEST(OneWordTable, OneFarWordAmongDenseOnesAndDenseOnesAfterIt) {
  Checked table;
  for (uint64_t part = 0; part < 20; ++part) {
    table.Number(Random(kTop, 4000, 1000, part));
    if (part % 3 == 1) table.Number({part * 1'000'000'007ULL});
  }
}

TEST(OneWordTable, ForgetsTheLast) {
  for (const uint64_t span : {uint64_t{2000}, UINT64_MAX}) {
    Checked table;
    table.Number(Random(kTop, span, 3000, 8));
    const int64_t kept = table.table()->size() / 3;
    table.Truncate(kept);
    table.Number(Random(kTop, span, 3000, 9));
    table.Truncate(0);
    table.Number(Random(kTop, span, 100, 10));
  }
}

TEST(OneWordTable, DenseWordsTakeNoMoreThanOthers) {
  OneWordTable dense(arrow::default_memory_pool()), spread(arrow::default_memory_pool());
  std::vector<uint32_t> numbers(OneWordTable::kBlockRows);
  for (uint64_t begin = 0; begin < 100'000; begin += OneWordTable::kBlockRows) {
    Words near, far;
    for (uint64_t i = begin; i < begin + OneWordTable::kBlockRows; ++i) {
      near.push_back(kTop + i * 3 / 2);
      far.push_back(i * 0x9e3779b97f4a7c15ULL);
    }
    ASSERT_TRUE(dense.Number(near.data(), OneWordTable::kBlockRows, numbers.data()).ok());
    ASSERT_TRUE(spread.Number(far.data(), OneWordTable::kBlockRows, numbers.data()).ok());
    EXPECT_LE(dense.bytes(), spread.bytes());
  }
}

TEST(OneWordTable, ARefusalChangesNothing) {
  const std::shared_ptr<Budget> budget = Budget::Make(64 << 20);
  const std::shared_ptr<BudgetPool> pool = BudgetPool::Make(*Budget::Open(budget, "keys", 0), PageArena::Make(64 << 20));
  ChargeFaults faults(budget);
  Checked table(pool.get());
  // Into a window, out of it and into it again.
  const std::vector<Words> blocks = {Random(kTop, 150, 200, 11), Random(kTop, 400, 256, 12), {7}, Random(kTop, 1000, 256, 13), Random(kTop, 1'000'000, 256, 14)};
  int64_t refusals = 0;
  for (const Words& block : blocks) {
    for (int64_t refused = 0;; ++refused, ++refusals) {
      faults.RefuseCharge(refused);
      const bool done = table.NumberBlock(block.data(), static_cast<int64_t>(block.size())).ok();
      faults.RefuseCharge(-1);
      table.ExpectKeys();
      if (done) break;
    }
  }
  EXPECT_GT(refusals, 5);
}

}  // namespace
}  // namespace millstream
