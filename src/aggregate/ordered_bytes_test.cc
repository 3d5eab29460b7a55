#include "aggregate/ordered_bytes.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include "column/gather.h"
#include "testing/aggregate_oracle.h"
#include "testing/batch_generator.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

int Sign(int order) { return (order > 0) - (order < 0); }

std::vector<std::shared_ptr<arrow::DataType>> OrderedTypes() {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const auto& type : EveryType()) {
    if (HasOrder(*type)) types.push_back(type);
  }
  return types;
}

TEST(EncodedRows, AreInTheOrderOfTheirValues) {
  for (const auto& type : OrderedTypes()) {
    for (const auto& other : {arrow::utf8(), arrow::int16()}) {
      const auto schema = arrow::schema({arrow::field("a", type), arrow::field("b", other)});
      const auto batch = RandomBatch(schema, {.rows = 40, .null_share = 0.2, .sliced = true, .distinct = 6, .seed = 5});
      EncodedRows rows(arrow::default_memory_pool());
      ASSERT_TRUE(rows.Encode({batch->column_data(0).get(), batch->column_data(1).get()}, 0, 40).ok());
      for (int64_t i = 0; i < 40; ++i) {
        for (int64_t j = 0; j < 40; ++j) {
          int wanted = CompareRows(*batch->column(0), i, *batch->column(0), j);
          if (wanted == 0) wanted = CompareRows(*batch->column(1), i, *batch->column(1), j);
          ASSERT_EQ(Sign(rows[i].compare(rows[j])), wanted) << type->ToString() << " rows " << i << ", " << j;
        }
      }
    }
  }
}

TEST(EncodedRows, GiveBackTheirValues) {
  for (const auto& type : OrderedTypes()) {
    for (const auto& options : ArrayShapes()) {
      const auto batch = RandomBatch(arrow::schema({arrow::field("a", type), arrow::field("b", type)}), options);
      EncodedRows rows(arrow::default_memory_pool());
      ASSERT_TRUE(rows.Encode({batch->column_data(0).get(), batch->column_data(1).get()}, 0, batch->num_rows()).ok());
      RowCells cells(arrow::default_memory_pool());
      ASSERT_TRUE(cells.Reserve(rows.count()).ok());
      for (int64_t i = 0; i < rows.count(); ++i) cells.Add(rows[i]);
      for (const int column : {0, 1}) {
        const auto decoded = arrow::MakeArray(DecodeColumn(type, column == 1, &cells, arrow::default_memory_pool()).ValueOrDie());
        ASSERT_TRUE(decoded->ValidateFull().ok()) << decoded->ValidateFull();
        ASSERT_EQ(decoded->length(), batch->num_rows());
        for (int64_t i = 0; i < batch->num_rows(); ++i) ASSERT_EQ(CompareRows(*batch->column(column), i, *decoded, i), 0) << type->ToString() << " row " << i;
      }
    }
  }
}

TEST(EncodedRows, TellTextsApartThatRunTogether) {
  const auto texts = [](std::vector<std::string> values) {
    arrow::BinaryBuilder builder;
    EXPECT_TRUE(builder.AppendValues(values).ok());
    return builder.Finish().ValueOrDie();
  };
  const std::string zero(1, '\0');
  const auto first = texts({"a", "a" + zero, "a" + zero + zero, "", zero, "a" + zero + "\1", "ab"});
  const auto second = texts({zero + "b", "b", "", "a", "", "x", ""});
  EncodedRows rows(arrow::default_memory_pool());
  ASSERT_TRUE(rows.Encode({first->data().get(), second->data().get()}, 0, 7).ok());
  for (int64_t i = 0; i < 7; ++i) {
    for (int64_t j = 0; j < 7; ++j) {
      int wanted = CompareRows(*first, i, *first, j);
      if (wanted == 0) wanted = CompareRows(*second, i, *second, j);
      EXPECT_EQ(Sign(rows[i].compare(rows[j])), wanted) << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace millstream
