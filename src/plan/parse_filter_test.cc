#include "plan/parse_filter.h"

#include <gtest/gtest.h>

#include <random>

#include "plan/functions.h"

namespace millstream {
namespace {

std::string Shown(const char* text) {
  const auto parsed = ParseFilter(text);
  return parsed.ok() ? (*parsed)->ToString() : parsed.status().message();
}

TEST(ParseFilter, FollowsPythonsPrecedence) {
  EXPECT_EQ(Shown("a + b * c == d and e or f"), Shown("(((a + (b * c)) == d) and e) or f"));
  EXPECT_EQ(Shown("not a == b"), Shown("not (a == b)"));
  EXPECT_EQ(Shown("-a ** b"), Shown("-(a ** b)"));
  EXPECT_EQ(Shown("a ** -b ** c"), Shown("a ** (-(b ** c))"));
  EXPECT_EQ(Shown("a - b - c"), Shown("(a - b) - c"));
  EXPECT_EQ(Shown("a < b < c"), Shown("a < b and b < c"));
  EXPECT_EQ(Shown("a == b | c & d"), Shown("a == (b | (c & d))"));
  EXPECT_NE(Shown("a - b - c"), Shown("a - (b - c)"));
}

TEST(ParseFilter, PointsAtTheCharacterNotTheByte) {
  EXPECT_EQ(Shown("Größe = 1"), "filter expression, character 7: a comparison is written ==\n  Größe = 1\n        ^");
}

TEST(ParseFilter, SaysWhatToWriteForSql) {
  const std::pair<const char*, const char*> said[] = {
      {"a > 3 AND b < 2", "small letters"}, {"a > 3 && b < 2", "as words"},    {"a > 3 || b < 2", "as words"},       {"a is null", "written None"},
      {"a is not NULL", "written None"},    {"a between 3 and 4", "low <= "}, {"a like 'x%'", "str.match"},          {"a LIKE 'x%'", "str.match"},
      {"a is 3", "== for values"},          {"a b", "expected an operator"},   {"a > )", "expected a column, a number"},
  };
  for (const auto& [text, hint] : said) EXPECT_NE(Shown(text).find(hint), std::string::npos) << text << ": " << Shown(text);
}

TEST(ParseFilter, ShowsOnlyThePlaceOfALongText) {
  const std::string text = "a == 1" + std::string(5000, ' ') + "$" + std::string(5000, ' ');
  const Status status = ParseFilter(text).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_LT(status.message().size(), 400u);
  EXPECT_NE(status.message().find("character 5007"), std::string::npos);
}

TEST(ParseFilter, RandomBytesAreAFilterOrAnError) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string letters = "ab 019.eExX_'\"\\()[],=<>!&|~+-*/%\n\t\xC3\x9F\xFF" + std::string(1, '\0') + "notinisandor";
  for (int round = 0; round < 50000; ++round) {
    std::string text;
    for (uint32_t i = 0; i < random() % 24; ++i) text.push_back(letters[random() % letters.size()]);
    const auto parsed = ParseFilter(text);
    if (parsed.ok()) {
      EXPECT_TRUE(CheckSize((*parsed)->tree()).ok());
    } else {
      EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kInvalidArgument) << parsed.status();
    }
  }
}

}  // namespace
}  // namespace millstream
