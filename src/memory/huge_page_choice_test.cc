#include "memory/huge_page_choice.h"

#include <gtest/gtest.h>

namespace millstream {
namespace {

/// Of so many chunks, those that are huge where touching one takes so long.
int Huge(HugePageChoice* choice, int chunks, int64_t nanoseconds) {
  int huge = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const auto next = choice->Choose();
    if (next.timed) EXPECT_TRUE(next.huge);
    if (next.timed) choice->Touched(nanoseconds);
    huge += next.huge;
  }
  return huge;
}

TEST(HugePageChoice, StaysWithHugePagesWhereTheyAreCheap) {
  HugePageChoice choice;
  EXPECT_EQ(Huge(&choice, 1000, 100'000), 1000);
}

TEST(HugePageChoice, TurnsToSmallPagesWhereHugeOnesAreDear) {
  HugePageChoice choice;
  const int huge = Huge(&choice, 1000, 3'000'000);
  EXPECT_GE(huge, 2);
  EXPECT_LT(huge, 50);
}

TEST(HugePageChoice, SeesThatCheapOnesHaveRunOut) {
  HugePageChoice choice;
  Huge(&choice, 1000, 100'000);
  EXPECT_LT(Huge(&choice, 100, 3'000'000), 20);
}

TEST(HugePageChoice, OneSlowTouchIsChance) {
  HugePageChoice choice;
  Huge(&choice, 10, 100'000);
  choice.Touched(50'000'000);
  EXPECT_EQ(Huge(&choice, 100, 100'000), 100);
}

TEST(HugePageChoice, ComesBackToHugePages) {
  HugePageChoice choice;
  Huge(&choice, 100, 3'000'000);
  Huge(&choice, 200, 100'000);
  EXPECT_EQ(Huge(&choice, 100, 100'000), 100);
}

}  // namespace
}  // namespace millstream
