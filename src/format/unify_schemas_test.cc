#include "format/unify_schemas.h"

#include <gtest/gtest.h>

namespace millstream {
namespace {

using arrow::field;
using arrow::schema;

TEST(SchemaUnifier, TakesTheWiderTypeAndColumnsInOrderOfAppearance) {
  SchemaUnifier unifier;
  ASSERT_TRUE(unifier.Add(*schema({field("a", arrow::int32(), /*nullable=*/false), field("n", arrow::null())}), "1").ok());
  ASSERT_TRUE(unifier.Add(*schema({field("b", arrow::utf8()), field("a", arrow::int64()), field("n", arrow::utf8())}), "2").ok());
  EXPECT_TRUE(unifier.Finish()->Equals(*schema({field("a", arrow::int64()), field("n", arrow::utf8()), field("b", arrow::utf8())})));
}

TEST(SchemaUnifier, RefusesWhatDoesNotGoTogetherByName) {
  SchemaUnifier unifier;
  ASSERT_TRUE(unifier.Add(*schema({field("a", arrow::int32())}), "one.parquet").ok());
  const Status status = unifier.Add(*schema({field("a", arrow::utf8())}), "two.parquet");
  EXPECT_EQ(KindOf(status), ErrorKind::kType);
  for (const char* part : {"'a'", "string", "two.parquet", "int32", "one.parquet"}) EXPECT_NE(status.message().find(part), std::string::npos) << part;
}

TEST(SchemaUnifier, RefusesTwoColumnsOfOneName) {
  SchemaUnifier unifier;
  EXPECT_EQ(KindOf(unifier.Add(*schema({field("a", arrow::int32()), field("a", arrow::int32())}), "1")), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace millstream
