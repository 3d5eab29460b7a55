#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <gtest/gtest.h>

#include <numeric>

#include "column/gather.h"
#include "testing/batch_generator.h"
#include "testing/column_oracle.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

arrow::MemoryPool* Pool() { return arrow::default_memory_pool(); }

std::shared_ptr<arrow::ArrayData> MustRestore(const std::shared_ptr<arrow::ArrayData>& stored,
                                              const std::shared_ptr<arrow::DataType>& type) {
  auto restored = FromStorage(stored, type, Pool());
  EXPECT_TRUE(restored.ok()) << restored.status().ToString();
  return *restored;
}

TEST(FromStorage, UndoesToStorageForEveryType) {
  for (const auto& type : EveryType()) {
    for (const auto& shape : ArrayShapes()) {
      SCOPED_TRACE(type->ToString() + " seed " + std::to_string(shape.seed));
      const auto array = RandomArray(type, shape);
      const auto restored = arrow::MakeArray(MustRestore(*ToStorage(array->data(), Pool()), type));
      ASSERT_TRUE(restored->ValidateFull().ok()) << restored->ValidateFull().ToString();
      ASSERT_TRUE(restored->type()->Equals(*type, true));
      ASSERT_EQ(RenderRows(*restored), RenderRows(*array));
    }
  }
}

TEST(FromStorage, GivesEqualRowsEqualBytesWhateverTheirPath) {
  for (const auto& type : EncodedTypes()) {
    for (const auto& shape : ArrayShapes()) {
      SCOPED_TRACE(type->ToString() + " seed " + std::to_string(shape.seed));
      const auto array = RandomArray(type, shape);
      const auto straight = MustRestore(*Concatenate({array->data()}, type, Pool()), type);
      const auto head = array->Slice(0, array->length() / 3), tail = array->Slice(array->length() / 3);
      const auto joined =
          *Concatenate({*ToStorage(head->data(), Pool()), *ToStorage(tail->data(), Pool())}, StorageType(type), Pool());
      ASSERT_EQ(FirstDifference(*straight, *MustRestore(joined, type)), "");
    }
  }
}

TEST(FromStorage, OfASliceHasNoValuesFromBeyondIt) {
  for (const auto& type : EncodedTypes()) {
    SCOPED_TRACE(type->ToString());
    const auto stored = *Concatenate({RandomArray(type, {.rows = 60})->data()}, type, Pool());
    const auto slice = stored->Slice(11, 30);
    const auto own = *Concatenate({slice}, stored->type, Pool());
    const auto restored = MustRestore(slice, type), expected = MustRestore(own, type);
    ASSERT_TRUE(arrow::MakeArray(restored)->ValidateFull().ok());
    if (type->id() != arrow::Type::EXTENSION) {
      ASSERT_EQ(FirstDifference(*restored, *expected), "");
    }
    ASSERT_EQ(RenderRows(*arrow::MakeArray(restored)), RenderRows(*arrow::MakeArray(own)));
  }
}

TEST(FromStorage, NumbersDictionaryValuesByFirstAppearanceAndKeepsNullsOutOfThem) {
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.AppendValues(std::vector<std::string>{"b", "a", "b"}).ok());
  ASSERT_TRUE(builder.AppendNull().ok());
  ASSERT_TRUE(builder.Append("").ok());
  const auto stored = (*builder.Finish())->data();
  const auto type = arrow::dictionary(arrow::uint8(), arrow::utf8());
  const auto array = arrow::MakeArray(MustRestore(stored, type));
  const auto& coded = static_cast<const arrow::DictionaryArray&>(*array);
  EXPECT_EQ(RenderRows(*coded.dictionary()), (std::vector<std::string>{"'62'", "'61'", "''"}));
  EXPECT_EQ(RenderRows(*coded.indices()), (std::vector<std::string>{"x00", "x01", "x00", "null", "x02"}));
}

std::shared_ptr<arrow::ArrayData> Ascending(int64_t rows) {
  arrow::Int32Builder builder;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(static_cast<int32_t>(i)).ok());
  return (*builder.Finish())->data();
}

TEST(FromStorage, UsesEveryCodeOfTheIndexTypeAndRefusesOneMore) {
  const std::pair<std::shared_ptr<arrow::DataType>, int64_t> kLimits[] = {
      {arrow::int8(), 128}, {arrow::uint8(), 256}, {arrow::int16(), 32768}, {arrow::uint16(), 65536}};
  for (const auto& [index, values] : kLimits) {
    SCOPED_TRACE(index->ToString());
    const auto type = arrow::dictionary(index, arrow::int32());
    const auto full = arrow::MakeArray(MustRestore(Ascending(values), type));
    EXPECT_TRUE(full->ValidateFull().ok());
    EXPECT_EQ(RenderRows(*full), RenderRows(*arrow::MakeArray(Ascending(values))));
    const auto refused = FromStorage(Ascending(values + 1), type, Pool());
    EXPECT_EQ(KindOf(refused.status()), ErrorKind::kInvalidArgument);
    EXPECT_NE(refused.status().message().find("wider index type"), std::string::npos);
  }
}

TEST(FromStorage, RefusesRunEndsThatCannotCountTheRows) {
  const auto type = arrow::run_end_encoded(arrow::int16(), arrow::int32());
  EXPECT_TRUE(FromStorage(Ascending(32767), type, Pool()).ok());
  EXPECT_EQ(KindOf(FromStorage(Ascending(32768), type, Pool()).status()), ErrorKind::kInvalidArgument);
}

TEST(FromStorage, RefusesAnotherStorageType) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  EXPECT_EQ(KindOf(FromStorage(Ascending(3), type, Pool()).status()), ErrorKind::kType);
}

}  // namespace
}  // namespace millstream
