#include "format/long_lines.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "testing/test_engine.h"

namespace millstream {
namespace {

using testing_support::ReplayNote;
using testing_support::TestSeed;

struct Parted {
  std::string good;
  std::vector<int64_t> long_begins;
  bool operator==(const Parted&) const = default;
};

/// Line by line.
Parted Plain(std::string_view text, size_t bytes_max, LineEnd end) {
  Parted parted;
  for (size_t at = 0; at < text.size();) {
    const size_t behind = std::min(LineBehind(text, at, end), text.size());
    const std::string_view line = text.substr(at, behind - at);
    const size_t length = std::min(line.find_first_of(end == LineEnd::kAny ? "\r\n" : "\n"), line.size());
    if (length > bytes_max) parted.long_begins.push_back(static_cast<int64_t>(at));
    else parted.good += line;
    at = behind;
  }
  return parted;
}

/// By LongLines, of a text that comes in pieces of random sizes.
Parted ByPieces(std::string_view text, int64_t bytes_max, LineEnd end, std::mt19937_64* draw) {
  Parted parted;
  BadParts bad({});
  LongLines long_lines("a", end, bytes_max, &bad);
  size_t begin = 0, behind = 0;
  while (behind < text.size()) {
    behind = std::min(text.size(), behind + 1 + (*draw)() % 7);
    const std::string_view piece = text.substr(begin, behind - begin);
    const auto taken = long_lines.Each(piece, static_cast<int64_t>(begin), behind == text.size(), [&](std::string_view lines, int64_t at) {
      EXPECT_EQ(lines, text.substr(static_cast<size_t>(at), lines.size()));
      parted.good += lines;
      return Status::OK();
    });
    EXPECT_TRUE(taken.ok()) << taken.status();
    begin += *taken;
  }
  for (const BadPart& part : bad.Take()) parted.long_begins.push_back(part.byte);
  return parted;
}

TEST(LongLines, ArePassedOverWhereverPiecesEnd) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 draw(TestSeed());
  for (int trial = 0; trial < 2000; ++trial) {
    const LineEnd end = draw() % 2 == 0 ? LineEnd::kAny : LineEnd::kLineFeed;
    const int64_t bytes_max = 1 + static_cast<int64_t>(draw() % 6);
    std::string text;
    for (size_t i = draw() % 60; i > 0; --i) text += std::string_view("aaaaaab\r\n\n")[draw() % 10];
    EXPECT_EQ(ByPieces(text, bytes_max, end, &draw), Plain(text, static_cast<size_t>(bytes_max), end)) << "limit " << bytes_max << " of " << ::testing::PrintToString(text);
  }
}

TEST(LongLines, AreAnErrorWhereBadRowsAre) {
  LongLines long_lines("a.txt", LineEnd::kLineFeed, 3, nullptr);
  const auto take = [](std::string_view, int64_t) { return Status::OK(); };
  EXPECT_EQ(*long_lines.Each("abc\nabc\n", 0, true, take), 8U);
  const Status status = long_lines.Each("abc\nabcd\n", 100, true, take).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kCorruptData);
  EXPECT_EQ(status.message(),
            "file a.txt has no end of a line or value within 3 bytes from byte 104 on; it may be of another format, or a quote is not closed; raise it with "
            "limits=ReadLimits(line_bytes=...)");
}

}  // namespace
}  // namespace millstream
