#include "format/json/json_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "testing/test_engine.h"

namespace millstream {
namespace {

using testing_support::ReplayNote;
using testing_support::TestSeed;

const std::vector<std::string> kObjects = {R"({})",
                                           R"({"a": 1})",
                                           R"({"a": "}]{[,"})",
                                           R"({"a": "\"", "b": "\\"})",
                                           "{\n  \"a\": [1, {\"b\": \"\\\\\\\"]\"}],\r\n\t\"c\": {}\n}"};

/// What comes out of the text when it comes in pieces of random sizes; "" and the error where there is one.
Result<std::string> Split(JsonLayout layout, const std::string& text, std::mt19937_64* draw) {
  JsonValues values(layout);
  std::string lines;
  size_t begin = 0, end = 0;
  while (end < text.size()) {
    end = std::min(text.size(), end + 1 + (*draw)() % 9);
    size_t taken = 0;
    ARROW_RETURN_NOT_OK(values.Split(std::string_view(text).substr(begin, end - begin), &lines, &taken));
    begin += taken;
  }
  ARROW_RETURN_NOT_OK(values.Finish(std::string_view(text).substr(begin)));
  return lines;
}

TEST(JsonValues, GivesEachObjectOnceWhereverThePiecesEnd) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 draw(TestSeed());
  for (int trial = 0; trial < 300; ++trial) {
    std::string array = draw() % 2 == 0 ? " [" : "[ \n", values, expected;
    const size_t count = draw() % 8;
    for (size_t i = 0; i < count; ++i) {
      const std::string& object = kObjects[draw() % kObjects.size()];
      array += (i == 0 ? "" : draw() % 2 == 0 ? "," : " ,\n") + object;
      values += (draw() % 2 == 0 ? "" : "\n ") + object;
      std::string line = object;
      std::replace(line.begin(), line.end(), '\n', '\r');
      expected += line + "\n";
    }
    const auto of_array = Split(JsonLayout::kArray, array + " ]\n", &draw);
    ASSERT_TRUE(of_array.ok()) << of_array.status();
    EXPECT_EQ(*of_array, expected);
    const auto of_values = Split(JsonLayout::kValues, values + "\n", &draw);
    ASSERT_TRUE(of_values.ok()) << of_values.status();
    EXPECT_EQ(*of_values, expected);
  }
}

TEST(JsonValues, SaysWhatIsWrong) {
  std::mt19937_64 draw(1);
  const auto error = [&](JsonLayout layout, const std::string& text) { return Split(layout, text, &draw).status().message(); };
  EXPECT_EQ(error(JsonLayout::kArray, "[{}, 7]"), "there is '7' where an object, {...}, should begin; rows of a JSON file are objects");
  EXPECT_EQ(error(JsonLayout::kArray, "[{} {}]"), "there is '{' where ',' or ']' should be");
  EXPECT_EQ(error(JsonLayout::kArray, "[{}] x"), "there is text behind the end of the array");
  EXPECT_EQ(error(JsonLayout::kArray, "[{},]"), "there is ']' where an object, {...}, should begin; rows of a JSON file are objects");
  EXPECT_EQ(error(JsonLayout::kArray, "[{}, {"), "its last object has no end; the file may be cut short");
  EXPECT_EQ(error(JsonLayout::kArray, "[{}"), "its array has no end; the file may be cut short");
  EXPECT_EQ(error(JsonLayout::kValues, R"({"a": "\)"), "its last object has no end; the file may be cut short");
}

TEST(JsonValues, TheBeginningTellsTheLayout) {
  EXPECT_EQ(LayoutOf("", true), JsonLayout::kLines);
  EXPECT_EQ(LayoutOf("{\"a\": 1}\n{\"a\": 2}\n", true), JsonLayout::kLines);
  EXPECT_EQ(LayoutOf("\xef\xbb\xbf \n[{\"a\": 1}]", true), JsonLayout::kArray);
  EXPECT_EQ(LayoutOf("{\n\"a\": 1}\n", true), JsonLayout::kValues);
  EXPECT_EQ(LayoutOf("{\"a\": \"a long line that goes on", false), JsonLayout::kLines);
  EXPECT_EQ(LayoutOf("{\"a\": {\n", false), JsonLayout::kValues);
}

}  // namespace
}  // namespace millstream
