#include "plan/blocks.h"

#include <gtest/gtest.h>

#include "ops/table_source.h"

namespace millstream {
namespace {

std::vector<int64_t> StartsOf(int64_t rows, int64_t blocks) { return BlockStarts(*SourcePlan("Range", *MakeRangeSource(rows), blocks)); }

TEST(Blocks, AreEvenAndAsManyAsTheRowsAllow) {
  EXPECT_EQ(StartsOf(10, 3), (std::vector<int64_t>{0, 3, 6, 10}));
  EXPECT_EQ(StartsOf(2, 5), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(StartsOf(0, 5), (std::vector<int64_t>{0}));
  const auto large = StartsOf(int64_t{1} << 62, 7);
  ASSERT_EQ(large.size(), 8u);
  EXPECT_EQ(large.back(), int64_t{1} << 62);
  for (size_t i = 1; i < large.size(); ++i) EXPECT_LE(large[i] - large[i - 1], (int64_t{1} << 62) / 7 + 1);
}

TEST(Blocks, TasksOfARangeCoverItWithinTheirLimit) {
  for (const int64_t rows : {int64_t{0}, int64_t{1}, int64_t{1} << 20, (int64_t{1} << 20) + 1, INT64_MAX}) {
    const auto source = *MakeRangeSource(rows);
    int64_t covered = 0;
    for (const ScanTask& task : source->tasks()) {
      EXPECT_EQ(task.first_row, covered);
      covered += task.rows;
    }
    EXPECT_EQ(covered, rows);
    EXPECT_LE(source->tasks().size(), 1u << 16);
  }
}

}  // namespace
}  // namespace millstream
