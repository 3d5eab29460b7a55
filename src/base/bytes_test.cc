#include "base/bytes.h"

#include <gtest/gtest.h>

namespace millstream {
namespace {

TEST(ParseBytes, ReadsDecimalAndBinaryUnits) {
  EXPECT_EQ(*ParseBytes("4096"), 4096);
  EXPECT_EQ(*ParseBytes("0"), 0);
  EXPECT_EQ(*ParseBytes("512MB"), 512'000'000);
  EXPECT_EQ(*ParseBytes("512m"), 512'000'000);
  EXPECT_EQ(*ParseBytes(" 2 GiB "), int64_t{2} << 30);
  EXPECT_EQ(*ParseBytes("1.5kib"), 1536);
  EXPECT_EQ(*ParseBytes("1TB"), 1'000'000'000'000);
  EXPECT_EQ(*ParseBytes("9223372036854775807"), INT64_MAX);
}

TEST(ParseBytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", " ", "MB", "-1", "1XB", "1.2.3MB", "1e9", "12 MBs", "0x10", "1.5", "9223372036854775808", "99999999TB", "5 % "}) {
    const auto parsed = ParseBytes(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kInvalidArgument);
    EXPECT_NE(parsed.status().message().find(text), std::string::npos);
  }
}

TEST(FormatBytes, IsShortAndRoundsToNearest) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1 KB");
  EXPECT_EQ(FormatBytes(1'500'000), "1.5 MB");
  EXPECT_EQ(FormatBytes(999'999'999), "1 GB");
  EXPECT_EQ(FormatBytes(-2'000'000), "-2 MB");
  EXPECT_EQ(FormatBytes(123'456'789'000'000), "123.46 TB");
}

}  // namespace
}  // namespace millstream
