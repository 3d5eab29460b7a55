/// Holds base/random.h to the key vectors that stand in docs/order.md.

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>

#include "base/random.h"

namespace millstream {
namespace {

TEST(OrderGoldenTest, KeysAreThoseOfTheOrderPage) {
  std::ifstream page(MILLSTREAM_SOURCE_DIR "/docs/order.md");
  ASSERT_TRUE(page.good());
  const std::regex vector(R"(\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| `([0-9a-f]{16})` \|)");
  int found = 0;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, vector)) continue;
    const auto number = [&](int group, int base = 10) { return std::stoull(match[group].str(), nullptr, base); };
    const SourceKey source = MakeSourceKey(MakeEpochKey(number(1), number(2)), number(3));
    EXPECT_EQ(source.KeyOfRow(number(4)), number(5, 16)) << line;
    ++found;
  }
  EXPECT_GE(found, 8) << "the page's table of keys has another form than this test reads";
}

}  // namespace
}  // namespace millstream
