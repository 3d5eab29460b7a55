#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <gtest/gtest.h>

#include <limits>

#include "column/gather.h"
#include "testing/batch_generator.h"
#include "testing/column_oracle.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT
using Texts = std::vector<std::string>;

arrow::MemoryPool* Pool() { return arrow::default_memory_pool(); }

std::shared_ptr<arrow::Array> Words(const Texts& words) {
  arrow::StringBuilder builder;
  EXPECT_TRUE(builder.AppendValues(words).ok());
  return *builder.Finish();
}

/// Codes below 0 are nulls.
std::shared_ptr<arrow::ArrayData> Coded(const std::vector<int>& codes, const std::shared_ptr<arrow::Array>& dictionary, bool ordered = false) {
  arrow::Int8Builder builder;
  for (const int code : codes) EXPECT_TRUE((code < 0 ? builder.AppendNull() : builder.Append(static_cast<int8_t>(code))).ok());
  const auto type = arrow::dictionary(arrow::int8(), dictionary->type(), ordered);
  return (*arrow::DictionaryArray::FromArrays(type, *builder.Finish(), dictionary))->data();
}

std::shared_ptr<arrow::Array> Join(const std::vector<std::shared_ptr<arrow::ArrayData>>& pieces) {
  const auto joined = JoinColumn(pieces, pieces.front()->type, Pool());
  EXPECT_TRUE(joined.ok()) << joined.status();
  const auto array = arrow::MakeArray(*joined);
  EXPECT_TRUE(array->ValidateFull().ok()) << array->ValidateFull();
  EXPECT_TRUE(array->type()->Equals(*pieces.front()->type));
  return array;
}

std::vector<std::string> DictionaryOf(const arrow::Array& array) { return RenderRows(*static_cast<const arrow::DictionaryArray&>(array).dictionary()); }

TEST(JoinColumn, KeepsADictionaryThatAllPiecesHave) {
  for (const bool ordered : {false, true}) {
    // Equal by their values, not by where these are.
    const auto joined = Join({Coded({2, -1}, Words({"a", "b", "c", "d"}), ordered), Coded({1}, Words({"a", "b", "c", "d"}), ordered)});
    EXPECT_EQ(DictionaryOf(*joined), RenderRows(*Words({"a", "b", "c", "d"})));
    EXPECT_EQ(RenderRows(*static_cast<const arrow::DictionaryArray&>(*joined).indices()), (std::vector<std::string>{"x02", "null", "x01"}));
  }
}

TEST(JoinColumn, NumbersTheValuesOfDifferentDictionariesByFirstAppearance) {
  for (const bool ordered : {false, true}) {
    const auto joined = Join({Coded({2, 1}, Words({"a", "b", "c"}), ordered), Coded({0, 1}, Words({"b", "a"}), ordered)});
    EXPECT_EQ(DictionaryOf(*joined), RenderRows(*Words({"c", "b", "a"})));
    EXPECT_EQ(RenderRows(*joined), RenderRows(*Words({"c", "b", "b", "a"})));
  }
}

TEST(JoinColumn, TellsZerosApartAndNotNaN) {
  const auto of = [](double value) {
    arrow::DoubleBuilder builder;
    EXPECT_TRUE(builder.AppendValues({1.0, value}).ok());
    return *builder.Finish();
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(DictionaryOf(*Join({Coded({1}, of(nan)), Coded({1}, of(nan))})), RenderRows(*of(nan)));
  EXPECT_EQ(RenderRows(*Join({Coded({1}, of(0.0)), Coded({1}, of(-0.0))})), (std::vector<std::string>{RenderRows(*of(0.0))[1], RenderRows(*of(-0.0))[1]}));
}

TEST(JoinColumn, OfEveryTypeGivesTheRowsOfThePieces) {
  for (const auto& type : EveryType()) {
    for (const auto& shape : ArrayShapes()) {
      SCOPED_TRACE(type->ToString() + " seed " + std::to_string(shape.seed));
      const auto array = RandomArray(type, shape);
      const auto head = array->Slice(0, array->length() / 3), tail = array->Slice(array->length() / 3);
      const auto joined = Join({head->data(), tail->data()});
      ASSERT_EQ(RenderRows(*joined), RenderRows(*array));
      if (type->id() == arrow::Type::DICTIONARY) {
        ASSERT_EQ(DictionaryOf(*joined), DictionaryOf(*array));
      }
    }
  }
}

TEST(TakeColumn, OfEveryTypeGivesTheRowsAndKeepsTheDictionary) {
  for (const auto& type : EveryType()) {
    SCOPED_TRACE(type->ToString());
    const auto array = RandomArray(type, {.rows = 60})->Slice(7);
    const std::vector<uint32_t> rows = {41, 0, 41, 7};
    const auto taken = TakeColumn(array->data(), rows.data(), static_cast<int64_t>(rows.size()), Pool());
    ASSERT_TRUE(taken.ok()) << taken.status();
    const auto out = arrow::MakeArray(*taken);
    ASSERT_TRUE(out->ValidateFull().ok()) << out->ValidateFull();
    const auto all = RenderRows(*array);
    EXPECT_EQ(RenderRows(*out), (std::vector<std::string>{all[41], all[0], all[41], all[7]}));
    if (type->id() == arrow::Type::DICTIONARY) EXPECT_EQ(DictionaryOf(*out), DictionaryOf(*array));
  }
}

}  // namespace
}  // namespace millstream
