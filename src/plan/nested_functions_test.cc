#include "plan/nested_functions.h"

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include "plan/expression_serial.h"
#include "plan/functions.h"

namespace millstream {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;

ArrayPtr Column(const TypePtr& type, const char* json) { return *arrow::json::ArrayFromJSONString(type, json); }

const TypePtr& Numbers() {
  static const TypePtr type = arrow::list(arrow::int64());
  return type;
}

/// The operator's values over the column, after a trip of the expression through bytes.
Result<ArrayPtr> Called(const char* name, const ArrayPtr& column, const NamedOptions& options = {}, std::vector<ExpressionPtr> more = {}) {
  more.insert(more.begin(), ColumnExpression("a"));
  ARROW_ASSIGN_OR_RAISE(const auto call, CallOperator(name, more, options));
  ByteWriter out;
  ARROW_RETURN_NOT_OK(WriteExpression(*call, &out));
  const std::string bytes = out.Finish();
  ByteReader in(bytes, "test");
  ARROW_ASSIGN_OR_RAISE(const auto again, ReadExpression(&in));
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("a", column->type())}), column->length(), {column});
  ARROW_ASSIGN_OR_RAISE(const auto bound, Bind(*again, *batch->schema()));
  ARROW_ASSIGN_OR_RAISE(const auto data, Evaluate(*bound, *batch, arrow::default_memory_pool()));
  const auto made = arrow::MakeArray(data);
  ARROW_RETURN_NOT_OK(made->ValidateFull());
  if (!made->type()->Equals(*TypeOf(*bound))) return Status::Invalid(made->type()->ToString(), " is not ", TypeOf(*bound)->ToString());
  return made;
}

void ExpectCalled(const char* name, const ArrayPtr& column, const TypePtr& type, const char* json, const NamedOptions& options = {},
                  const std::vector<ExpressionPtr>& more = {}) {
  const auto made = Called(name, column, options, more);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto expected = Column(type, json);
  EXPECT_TRUE((*made)->Equals(expected)) << (*made)->ToString() << " is not " << expected->ToString();
}

ExpressionPtr Number(int64_t number) { return LiteralExpression(arrow::Datum(number)); }

TEST(NestedFunctions, EachListIsSortedOnItsOwn) {
  const auto lists = Column(Numbers(), "[[3, 1, null], null, [], [2, 9, 4]]");
  ExpectCalled("list_sort", lists, Numbers(), "[[1, 3, null], null, [], [2, 4, 9]]");
  ExpectCalled("list_sort", lists, Numbers(), "[[null, 3, 1], null, [], [9, 4, 2]]",
               {{"order", std::string("descending")}, {"null_placement", std::string("at_start")}});
  ExpectCalled("list_sort", lists->Slice(2), Numbers(), "[[], [2, 4, 9]]");
  ExpectCalled("list_sort", lists->Slice(1, 0), Numbers(), "[]");
  ExpectCalled("list_sort", Column(arrow::large_list(arrow::utf8()), R"([["b", "a"], ["c"]])"), arrow::large_list(arrow::utf8()), R"([["a", "b"], ["c"]])");
}

TEST(NestedFunctions, ListsOfAFixedSizeStayOfThatSizeWhenSorted) {
  const auto type = arrow::fixed_size_list(arrow::int32(), 2);
  ExpectCalled("list_sort", Column(type, "[[3, 1], null, [2, 5]]"), type, "[[1, 3], null, [2, 5]]");
}

TEST(NestedFunctions, InnerListsAreFlattenedIntoTheirRow) {
  const auto lists = Column(arrow::list(Numbers()), "[[[1, 2], null, [3]], null, [], [null], [[], [4]]]");
  ExpectCalled("list_flatten", lists, Numbers(), "[[1, 2, 3], null, [], [], [4]]");
  ExpectCalled("list_flatten", lists->Slice(2, 3), Numbers(), "[[], [], [4]]");
  const auto fixed = arrow::fixed_size_list(arrow::fixed_size_list(arrow::int64(), 2), 2);
  ExpectCalled("list_flatten", Column(fixed, "[[[1, 2], [3, 4]], null]"), Numbers(), "[[1, 2, 3, 4], null]");
  const auto mixed = arrow::list(arrow::large_list(arrow::int64()));
  ExpectCalled("list_flatten", Column(mixed, "[[[1], [2]], null]"), arrow::large_list(arrow::int64()), "[[1, 2], null]");
}

TEST(NestedFunctions, WhatLiesUnderANullListIsLeftOut) {
  // Two inner lists of two items, the first of them null all the same.
  const auto items = Column(arrow::int64(), "[1, 2, 3, 4]");
  const auto inner = *arrow::ListArray::FromArrays(*Column(arrow::int32(), "[0, 2, 4]"), *items, arrow::default_memory_pool(),
                                                   *arrow::AllocateEmptyBitmap(2), /*null_count=*/2);
  const auto outer = *arrow::ListArray::FromArrays(*Column(arrow::int32(), "[0, 2]"), *inner);
  ExpectCalled("list_flatten", outer, Numbers(), "[[]]");
}

TEST(NestedFunctions, ItemsAreCountedFromTheEnd) {
  const auto lists = Column(Numbers(), "[[1, 2], null, [3]]");
  ExpectCalled("element_from_end", lists, arrow::int64(), "[2, null, 3]", {}, {Number(-1)});
  ExpectCalled("element_from_end", Column(arrow::fixed_size_list(arrow::int64(), 2), "[[1, 2], null]"), arrow::int64(), "[1, null]", {}, {Number(-2)});
  for (const int64_t beyond : {int64_t{-2}, int64_t{0}, INT64_MIN, INT64_MAX}) {
    const auto made = Called("element_from_end", lists, {}, {Number(beyond)});
    EXPECT_EQ(made.status().message().find("evaluating"), 0U) << made.status();
    EXPECT_NE(made.status().message().find("out of bounds"), std::string::npos) << made.status();
  }
}

TEST(NestedFunctions, MapsGiveTheirKeysAndValues) {
  const auto maps = Column(arrow::map(arrow::utf8(), arrow::int64()), R"([[["k", 1], ["l", null]], null, []])");
  ExpectCalled("map_keys", maps, arrow::list(arrow::utf8()), R"([["k", "l"], null, []])");
  ExpectCalled("map_values", maps, Numbers(), "[[1, null], null, []]");
  ExpectCalled("map_values", maps->Slice(1), Numbers(), "[null, []]");
  const auto pairs = arrow::struct_({arrow::field("k", arrow::utf8()), arrow::field("v", arrow::int64())});
  ExpectCalled("map_values", Column(arrow::list(pairs), R"([[{"k": "a", "v": 1}, null], null])"), Numbers(), "[[1, null], null]");
  ExpectCalled("map_keys", Column(arrow::large_list(pairs), R"([[{"k": "a", "v": 1}]])"), arrow::large_list(arrow::utf8()), R"([["a"]])");
}

TEST(NestedFunctions, ListsOfAFixedSizeBecomePlainOnes) {
  ExpectCalled("to_list", Column(arrow::fixed_size_list(arrow::int64(), 2), "[[1, 2], null]"), Numbers(), "[[1, 2], null]");
  ExpectCalled("to_list", Column(Numbers(), "[[1], null]"), Numbers(), "[[1], null]");
}

TEST(NestedFunctions, ViewsOfListsBecomeTheSameLists) {
  const char* json = "[[3, 1], null, [], [2, 9, 4]]";
  for (const auto& views : {arrow::list_view(arrow::int64()), arrow::large_list_view(arrow::int64())}) {
    const auto lists = views->id() == arrow::Type::LIST_VIEW ? Numbers() : arrow::large_list(arrow::int64());
    ExpectCalled("to_list", Column(views, json), lists, json);
    ExpectCalled("to_list", Column(views, json)->Slice(3), lists, "[[2, 9, 4]]");
    ExpectCalled("list_sort", Column(views, json), lists, "[[1, 3], null, [], [2, 4, 9]]");
    ExpectCalled("cast", Column(views, json), arrow::list(arrow::int8()), json, {{"type", arrow::list(arrow::int8())}});
  }
}

TEST(NestedFunctions, ColumnsOfOtherTypesAreATypeError) {
  for (const char* name : {"list_sort", "list_flatten", "to_list", "map_keys"}) {
    EXPECT_EQ(KindOf(Called(name, Column(arrow::int64(), "[1]")).status()), ErrorKind::kType) << name;
  }
  EXPECT_EQ(KindOf(Called("list_flatten", Column(Numbers(), "[[1]]")).status()), ErrorKind::kType);
  EXPECT_EQ(KindOf(Called("list_sort", Column(arrow::list(Numbers()), "[[[1]]]")).status()), ErrorKind::kType);
  EXPECT_EQ(KindOf(Called("map_keys", Column(Numbers(), "[[1]]")).status()), ErrorKind::kType);
}

}  // namespace
}  // namespace millstream
