#include "memory/run_index.h"

#include <gtest/gtest.h>

#include <random>

namespace millstream {
namespace {

int64_t SlowFind(const std::vector<bool>& used, int64_t pages) {
  int64_t run = 0;
  for (size_t page = 0; page < used.size(); ++page) {
    run = used[page] ? 0 : run + 1;
    if (run == pages) return static_cast<int64_t>(page) - pages + 1;
  }
  return -1;
}

TEST(RunIndex, FindsTheFirstFitLikeAPlainScan) {
  std::mt19937_64 random(7);
  RunIndex index;
  std::vector<bool> used;
  struct Run { int64_t page, pages; };
  std::vector<Run> runs;
  for (int step = 0; step < 20000; ++step) {
    if (runs.size() > 300 || (!runs.empty() && random() % 3 == 0)) {
      std::swap(runs[random() % runs.size()], runs.back());
      index.MarkFree(runs.back().page, runs.back().pages);
      std::fill_n(used.begin() + runs.back().page, runs.back().pages, false);
      runs.pop_back();
      continue;
    }
    const int64_t pages = static_cast<int64_t>(random() % 8 == 0 ? 1 + random() % 600 : 1 + random() % 40);
    const int64_t expected = SlowFind(used, pages);
    int64_t page = index.Find(pages);
    ASSERT_EQ(page, expected) << "step " << step;
    if (page < 0) {
      const int64_t chunks = (pages + RunIndex::kChunkPages - 1) / RunIndex::kChunkPages;
      index.Grow(chunks);
      used.resize(used.size() + static_cast<size_t>(chunks * RunIndex::kChunkPages));
      page = index.Find(pages);
      ASSERT_EQ(page, SlowFind(used, pages));
    }
    ASSERT_TRUE(index.AllFree(page, pages));
    index.MarkUsed(page, pages);
    ASSERT_FALSE(index.AllFree(page + pages - 1, 1));
    std::fill_n(used.begin() + page, pages, true);
    runs.push_back({page, pages});
  }
}

TEST(RunIndex, IsEmptyBeforeItGrows) {
  RunIndex index;
  EXPECT_EQ(index.Find(1), -1);
  EXPECT_FALSE(index.AllFree(0, 1));
  index.Grow(1);
  EXPECT_EQ(index.Find(RunIndex::kChunkPages), 0);
  EXPECT_EQ(index.Find(RunIndex::kChunkPages + 1), -1);
}

TEST(ChunkBits, RangeCoversBothWords) {
  using Bits = RunIndex::ChunkBits;
  EXPECT_EQ(Bits::Range(0, 128).count(), 128);
  EXPECT_EQ(Bits::Range(60, 70).count(), 10);
  EXPECT_EQ(Bits::Range(60, 70).words[1], 0x3fu);
  EXPECT_TRUE(Bits::Range(64, 64).empty());
  EXPECT_EQ(Bits::Range(64, 128).words[0], 0u);
}

}  // namespace
}  // namespace millstream
