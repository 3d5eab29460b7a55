#include "plan/parts.h"

#include <gtest/gtest.h>

#include "ops/table_source.h"

namespace millstream {
namespace {

constexpr int64_t kRows = 10;

PlanPtr Rows() { return SourcePlan("Range", *MakeRangeSource(kRows)); }

/// (first row, number of rows) of each part.
std::vector<std::pair<int64_t, int64_t>> Cuts(const Result<std::vector<PlanPtr>>& parts) {
  EXPECT_TRUE(parts.ok()) << parts.status();
  std::vector<std::pair<int64_t, int64_t>> cuts;
  for (const PlanPtr& part : parts.ok() ? *parts : std::vector<PlanPtr>{}) cuts.emplace_back(part->offset, *KnownRowCount(*part));
  return cuts;
}

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

TEST(PartsTest, CutsAtIndicesAlsoBeyondTheEnd) {
  EXPECT_EQ(Cuts(SplitAtIndices(Rows(), {0, 3, 3, 20})), (Pairs{{0, 0}, {0, 3}, {3, 0}, {3, 7}, {20, 0}}));
}

TEST(PartsTest, ProportionsLeaveNoPartEmpty) {
  EXPECT_EQ(Cuts(SplitProportionately(Rows(), {0.25, 0.5}, kRows)), (Pairs{{0, 2}, {2, 5}, {7, 3}}));
  EXPECT_EQ(Cuts(SplitProportionately(Rows(), {0.9, 0.05}, 3)), (Pairs{{0, 1}, {1, 1}, {2, 1}}));
  for (const int64_t rows : {int64_t{0}, int64_t{1}}) {
    const auto refused = SplitProportionately(Rows(), {0.5}, rows);
    EXPECT_EQ(KindOf(refused.status()), ErrorKind::kInvalidArgument);
    EXPECT_NE(refused.status().message().find("would leave a part of " + std::to_string(rows) + " rows by [0.5] empty"), std::string::npos) << refused.status().ToString();
  }
}

TEST(PartsTest, EvenPartsDifferByOneRowUnlessTheyMustBeEqual) {
  EXPECT_EQ(Cuts(SplitEvenly(Rows(), 3, false, kRows)), (Pairs{{0, 3}, {3, 3}, {6, 4}}));
  EXPECT_EQ(Cuts(SplitEvenly(Rows(), 3, true, kRows)), (Pairs{{0, 3}, {3, 3}, {6, 3}}));
  EXPECT_EQ(Cuts(SplitEvenly(Rows(), 4, false, 2)), (Pairs{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
}

TEST(PartsTest, TheLastPartIsAShareOrANumber) {
  EXPECT_EQ(Cuts(SplitLastShare(Rows(), 0.25, kRows)), (Pairs{{0, 7}, {7, 3}}));
  EXPECT_EQ(Cuts(SplitLastRows(Rows(), 4, kRows)), (Pairs{{0, 6}, {6, 4}}));
}

TEST(PartsTest, PartsOfAShuffleKeepItsFirstEpoch) {
  const auto parts = SplitLastRows(ShufflePlanNode(Rows(), SeedKind::kUnset, 11), 4, kRows);
  ASSERT_TRUE(parts.ok()) << parts.status();
  for (const PlanPtr& part : *parts) {
    const PlanNode* shuffle = ShuffleOf(*part);
    ASSERT_NE(shuffle, nullptr);
    EXPECT_EQ(shuffle->seed_kind, SeedKind::kFixed);
    EXPECT_EQ(shuffle->seed, 11u);
  }
}

TEST(PartsTest, CutsThatCannotBeAreRefusedWithWhatWasGiven) {
  const auto refusal = [](const Result<std::vector<PlanPtr>>& parts) {
    EXPECT_EQ(KindOf(parts.status()), ErrorKind::kInvalidArgument);
    return parts.status().message();
  };
  EXPECT_NE(refusal(SplitAtIndices(Rows(), {})).find("at least one row number"), std::string::npos);
  EXPECT_NE(refusal(SplitAtIndices(Rows(), {3, 1})).find("ascending order, got [3, 1]"), std::string::npos);
  EXPECT_NE(refusal(SplitAtIndices(Rows(), {-1, 1})).find("at least 0, got [-1, 1]"), std::string::npos);
  EXPECT_NE(refusal(SplitProportionately(Rows(), {0.5, 0.5}, kRows)).find("got [0.5, 0.5]"), std::string::npos);
  EXPECT_NE(refusal(SplitProportionately(Rows(), {-0.5}, kRows)).find("each be above 0"), std::string::npos);
  EXPECT_NE(refusal(SplitEvenly(Rows(), 0, false, kRows)).find("at least 1, got 0"), std::string::npos);
  EXPECT_NE(refusal(SplitLastShare(Rows(), 1, kRows)).find("below 1, got 1.0"), std::string::npos);
  EXPECT_NE(refusal(SplitLastRows(Rows(), 10, kRows)).find("below the 10 rows there are"), std::string::npos);
}

}  // namespace
}  // namespace millstream
