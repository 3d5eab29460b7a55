#include "format/json/json_shape.h"

#include <arrow/buffer.h>
#include <arrow/json/options.h>
#include <arrow/json/reader.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "format/limits.h"
#include "testing/test_engine.h"

namespace millstream {
namespace {

using testing_support::ReplayNote;
using testing_support::TestSeed;

std::string Object(std::mt19937_64* draw, int levels);

std::string Value(std::mt19937_64* draw, int levels) {
  switch (levels == 0 ? 0 : (*draw)() % 3) {
    case 1: {
      std::string list = "[";
      for (size_t i = (*draw)() % 3; i > 0; --i) list += (list.size() > 1 ? ", " : "") + Object(draw, levels - 1);
      return list + "]";
    }
    case 2: return Object(draw, levels - 1);
    default: return R"("a \"{[:" )";
  }
}

/// Of fields whose names tell what they hold, so that objects have a type in common.
std::string Object(std::mt19937_64* draw, int levels) {
  std::string object = "{";
  for (size_t i = (*draw)() % 4; i > 0; --i) {
    const std::string value = Value(draw, levels);
    const char kind = value[0] == '"' ? 't' : value[0] == '[' ? 'l' : 'o';
    object += (object.size() > 1 ? ", \"" : "\"") + std::string(1, kind) + std::to_string(levels) + std::to_string(i) + "\": " + value;
  }
  return object + "}";
}

TEST(JsonShape, IsThatOfTheColumnsThatAreMade) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 draw(TestSeed());
  int over = 0, within = 0;
  for (int trial = 0; trial < 500; ++trial) {
    std::string text;
    for (size_t i = 1 + draw() % 4; i > 0; --i) {
      std::string line;
      do line = Object(&draw, 4);
      while (line == "{}");
      text += line + "\n";
    }
    const auto parsed = arrow::json::ParseOne(arrow::json::ParseOptions::Defaults(), arrow::Buffer::FromString(text));
    ASSERT_TRUE(parsed.ok()) << parsed.status() << text;
    ReadLimits limits;
    limits.columns = 1 + static_cast<int64_t>(draw() % 12);
    const bool fits = CheckSchema(*(*parsed)->schema(), limits, "").ok();
    EXPECT_EQ(CheckJsonShape(text, limits).ok(), fits) << limits.columns << " columns of " << text;
    ++(fits ? within : over);
  }
  EXPECT_GT(over, 20);
  EXPECT_GT(within, 20);
}

TEST(JsonShape, TellsOfDeepValuesWithTheirPlace) {
  ReadLimits limits;
  limits.nesting = 2;
  EXPECT_TRUE(CheckJsonShape(R"({"a": [{"b": 1}], "c": "[[[[{"})", limits).ok());
  const Status status = CheckJsonShape(R"({"a": [{"b": [1]}]})", limits);
  EXPECT_EQ(KindOf(status), ErrorKind::kCorruptData);
  EXPECT_EQ(status.message(), "there are more than 2 lists and objects within each other, 13 bytes on; raise it with limits=ReadLimits(nesting=...)");
  EXPECT_FALSE(CheckJsonShape(std::string(1 << 20, '['), limits).ok());
  EXPECT_TRUE(CheckJsonShape("}}}]]", limits).ok());
}

}  // namespace
}  // namespace millstream
