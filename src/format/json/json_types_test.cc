#include "format/json/json_types.h"

#include <gtest/gtest.h>

namespace millstream {
namespace {

std::string Common(const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b) {
  const auto one = CommonJsonType("x", a, b);
  const auto other = CommonJsonType("x", b, a);
  EXPECT_EQ(one.ok(), other.ok());
  return one.ok() ? (*one)->ToString() : one.status().message();
}

TEST(JsonTypes, TheWiderOneIsTaken) {
  using arrow::field;
  EXPECT_EQ(Common(arrow::int64(), arrow::float64()), "double");
  EXPECT_EQ(Common(arrow::null(), arrow::boolean()), "bool");
  EXPECT_EQ(Common(arrow::timestamp(arrow::TimeUnit::SECOND), arrow::utf8()), "string");
  EXPECT_EQ(Common(arrow::list(arrow::null()), arrow::list(arrow::int64())), "list<item: int64>");
  const auto one = arrow::struct_({field("a", arrow::int64()), field("b", arrow::null())});
  const auto other = arrow::struct_({field("b", arrow::utf8()), field("c", arrow::boolean())});
  EXPECT_EQ((*CommonJsonType("x", one, other))->ToString(), "struct<a: int64, b: string, c: bool>");
  EXPECT_NE(Common(arrow::list(one), arrow::list(arrow::utf8())).find("column 'x' is"), std::string::npos);
  EXPECT_NE(Common(arrow::boolean(), arrow::int64()).find("explicit_schema"), std::string::npos);
}

}  // namespace
}  // namespace millstream
