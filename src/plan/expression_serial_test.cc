#include "plan/expression_serial.h"

#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api.h>
#include <gtest/gtest.h>

#include <random>

#include "plan/functions.h"
#include "plan/parse_filter.h"

namespace millstream {
namespace {

std::string BytesOf(const Expression& expression) {
  ByteWriter out;
  EXPECT_TRUE(WriteExpression(expression, &out).ok());
  return out.Finish();
}

Result<ExpressionPtr> FromBytes(std::string_view bytes) {
  ByteReader in(bytes, "test");
  return ReadExpression(&in);
}

ExpressionPtr Parsed(const char* text) { return *ParseFilter(text); }

TEST(ExpressionSerial, AnExpressionSurvivesItsBytes) {
  for (const char* text : {"a", "a + 1 < 2.5 and not b in ['x', None]", "is_null(a) or a // 2 == -1 or c == b'\\x00\\xff'", "True"}) {
    const auto expression = Parsed(text);
    const auto again = FromBytes(BytesOf(*expression));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE((*again)->tree().Equals(expression->tree())) << text;
    EXPECT_EQ(BytesOf(**again), BytesOf(*expression));
  }
}

TEST(ExpressionSerial, AFunctionOutsideTheTableIsRefusedBothWays) {
  const Expression foreign(arrow::compute::call("random", {}, arrow::compute::RandomOptions::FromSeed(1)));
  ByteWriter out;
  EXPECT_EQ(KindOf(WriteExpression(foreign, &out)), ErrorKind::kInvalidArgument);
  std::string bytes = BytesOf(*Parsed("a < 1"));
  bytes.replace(bytes.find("less"), 4, "asin");  // takes one argument
  EXPECT_FALSE(FromBytes(bytes).ok());
  bytes = BytesOf(*Parsed("a < 1"));
  bytes.replace(bytes.find("less"), 4, "rand");
  EXPECT_FALSE(FromBytes(bytes).ok());
}

TEST(ExpressionSerial, NestingWithoutEndIsAnErrorNotACrash) {
  ByteWriter out;
  for (int i = 0; i < 1000000; ++i) {
    out.Number<uint8_t>(2);
    out.String("invert");
    out.Number<uint8_t>(255);
    out.Number<uint32_t>(1);
  }
  EXPECT_EQ(KindOf(FromBytes(out.Finish()).status()), ErrorKind::kCorruptData);
}

TEST(ExpressionSerial, HostileCountsAreRefused) {
  ByteWriter out;
  out.Number<uint8_t>(2);
  out.String("coalesce");
  out.Number<uint8_t>(255);
  out.Number<uint32_t>(UINT32_MAX);
  EXPECT_EQ(KindOf(FromBytes(out.Finish()).status()), ErrorKind::kCorruptData);
}

TEST(ExpressionSerial, RandomDamageIsAnErrorOrAnExpression) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string good = BytesOf(*Parsed("a in [1, 2, None] and b in ['x', 'y'] or a / 2 > 1.5"));
  for (int round = 0; round < 20000; ++round) {
    std::string bad = good;
    for (uint32_t change = 0; change < 1 + random() % 4; ++change) bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    const auto read = FromBytes(bad);
    if (!read.ok()) continue;
    ByteWriter again;
    EXPECT_TRUE(WriteExpression(**read, &again).ok());
  }
}

}  // namespace
}  // namespace millstream
