#include "plan/parse_substrait.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

#include <random>

#include "format/message_fields.h"

namespace millstream {
namespace {

std::string In(int number, std::string_view message) {
  std::string out;
  AppendBytesField(number, message, &out);
  return out;
}

std::string Number(int number, uint64_t value) {
  std::string out;
  AppendNumberField(number, value, &out);
  return out;
}

std::string ColumnAt(uint64_t at) { return In(2, In(1, In(2, Number(1, at)))); }

std::string CallOf(uint64_t anchor, const std::vector<std::string>& arguments) {
  std::string call = Number(1, anchor);
  for (const auto& argument : arguments) call += In(4, In(3, argument));
  return In(3, call);
}

std::string Extended(const std::vector<std::string>& functions, const std::string& expression) {
  std::string message;
  for (size_t anchor = 0; anchor < functions.size(); ++anchor) message += In(2, In(3, Number(2, anchor) + In(3, functions[anchor])));
  return message + In(3, In(1, expression));
}

const auto kSchema = arrow::schema({arrow::field("a", arrow::int64()), arrow::field("s", arrow::utf8())});

std::string Parsed(const std::string& message) {
  const auto expression = ParseSubstrait(message, *kSchema);
  return expression.ok() ? (*expression)->ToString() : expression.status().message();
}

TEST(ParseSubstrait, CallsOfColumnsAndConstants) {
  const std::string greater = CallOf(0, {ColumnAt(0), In(1, Number(7, 5))}), is_null = CallOf(1, {ColumnAt(1)});
  EXPECT_EQ(Parsed(Extended({"gt:any_any"}, greater)), "(a > 5)");
  EXPECT_EQ(Parsed(Extended({"gt", "is_null", "and"}, CallOf(2, {greater, is_null, greater}))), "(((a > 5) and is_null(s)) and (a > 5))");
}

TEST(ParseSubstrait, WhatCannotBeSaidIsNamed) {
  EXPECT_NE(Parsed(Extended({"levenshtein"}, CallOf(0, {ColumnAt(1)}))).find("the function levenshtein"), std::string::npos);
  EXPECT_NE(Parsed(Extended({}, In(1, In(30, "")))).find("constant of Substrait's kind 30"), std::string::npos);
  EXPECT_NE(Parsed(Extended({}, In(12, ""))).find("expression of Substrait's kind 12"), std::string::npos);
  EXPECT_NE(Parsed(Extended({}, ColumnAt(2))).find("no expression"), std::string::npos);
  EXPECT_NE(Parsed("").find("no expression"), std::string::npos);
  std::string deep = ColumnAt(0);
  for (int level = 0; level < 1000; ++level) deep = CallOf(0, {deep});
  EXPECT_NE(Parsed(Extended({"not"}, deep)).find("no expression"), std::string::npos);
}

TEST(ParseSubstrait, DamagedMessagesAreErrorsOrExpressions) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 draw(seed);
  const std::string whole = Extended({"gt", "is_null", "and", "starts_with"}, CallOf(2, {CallOf(0, {ColumnAt(0), In(1, Number(7, 5))}), CallOf(3, {ColumnAt(1), In(1, In(12, "J"))})}));
  ASSERT_TRUE(ParseSubstrait(whole, *kSchema).ok());
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole.substr(0, draw() % 4 == 0 ? draw() % whole.size() : whole.size());
    for (int change = draw() % 3; change >= 0 && !damaged.empty(); --change) damaged[draw() % damaged.size()] = static_cast<char>(draw());
    const auto parsed = ParseSubstrait(damaged, *kSchema);
    if (!parsed.ok()) EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kInvalidArgument) << parsed.status();
  }
}

}  // namespace
}  // namespace millstream
