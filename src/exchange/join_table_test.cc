#include "exchange/join_table.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "testing/batch_generator.h"
#include "testing/column_oracle.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

/// Sizes around that of a piece: some batches stay as they are, others are put together.
const std::vector<std::vector<int64_t>> kBatchSizes = {{}, {0}, {1}, {40}, {16384, 1}, {20000, 3, 0, 16400, 9, 16383, 16384, 5}, {7, 7, 7}};

struct Case {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  int64_t rows = 0;
};

/// Column 0 is the key, of so few values that each is in several batches.
Case CaseOf(const arrow::FieldVector& fields, const std::vector<int64_t>& sizes, uint64_t seed) {
  Case made;
  for (const int64_t size : sizes) {
    made.batches.push_back(RandomBatch(arrow::schema(fields), {.rows = size, .null_share = 0.1, .sliced = size % 2 == 1, .distinct = 300, .seed = seed++}));
    made.rows += size;
  }
  return made;
}

std::vector<std::string> Rendered(const Case& made, int column) {
  std::vector<std::string> rows;
  for (const auto& batch : made.batches) {
    for (std::string& row : RenderRows(*batch->column(column))) rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::shared_ptr<JoinTable>> TableOf(const Case& made, const arrow::FieldVector& fields) {
  return JoinTable::Make(arrow::schema(fields), made.batches, {0}, arrow::default_memory_pool());
}

TEST(JoinTable, GathersRowsOfEveryTypeFromAllPieces) {
  const auto every = EverySchema();
  for (const std::vector<int64_t>& sizes : kBatchSizes) {
    for (int column = 0; column < every->num_fields(); ++column) {
      SCOPED_TRACE(every->field(column)->ToString());
      // All types in a table of many rows take minutes: each gets the key and itself.
      const arrow::FieldVector fields = {arrow::field("key", arrow::int32()), every->field(column)};
      const Case made = CaseOf(fields, sizes, 11 + static_cast<uint64_t>(column));
      auto table = TableOf(made, fields);
      ASSERT_TRUE(table.ok()) << table.status().ToString();
      ASSERT_EQ((*table)->rows(), made.rows);

      std::mt19937_64 random(static_cast<uint64_t>(column));
      std::vector<uint32_t> rows;
      std::vector<std::string> expected;
      const auto all = Rendered(made, 1);
      const std::string null = RenderRows(**arrow::MakeArrayOfNull(every->field(column)->type(), 1)).front();
      for (int i = 0; i < 500; ++i) {
        const bool none = made.rows == 0 || random() % 10 == 0;
        rows.push_back(none ? JoinTable::kNone : static_cast<uint32_t>(random() % static_cast<uint64_t>(made.rows)));
        expected.push_back(none ? null : all[rows.back()]);
      }
      const auto located = (*table)->Locate(rows);
      ASSERT_TRUE(located.ok());
      const auto gathered = (*table)->Gather(1, *located, arrow::default_memory_pool());
      ASSERT_TRUE(gathered.ok()) << gathered.status().ToString();
      EXPECT_EQ(RenderRows(*arrow::MakeArray(*gathered)), expected);
    }
  }
}

TEST(JoinTable, FindsAllRowsOfAKeyInTheirOrder) {
  for (const auto& type : {arrow::int64(), arrow::utf8()}) {
    for (const std::vector<int64_t>& sizes : kBatchSizes) {
      const arrow::FieldVector fields = {arrow::field("key", type)};
      const Case made = CaseOf(fields, sizes, 5);
      auto table = TableOf(made, fields);
      ASSERT_TRUE(table.ok()) << table.status().ToString();
      std::map<std::string, std::vector<uint32_t>> rows_of;
      const auto all = Rendered(made, 0);
      for (uint32_t row = 0; row < all.size(); ++row) rows_of[all[row]].push_back(row);

      // More values than the table has: most are not there.
      const auto asked = RandomArray(type, {.rows = 2000, .null_share = 0.1, .distinct = 2000, .seed = 6});
      JoinKeys keys(arrow::default_memory_pool());
      for (const auto& values : {asked, made.batches.empty() ? asked : made.batches.front()->column(0)}) {
        const auto batch = arrow::RecordBatch::Make(arrow::schema(fields), values->length(), std::vector<std::shared_ptr<arrow::Array>>{values});
        ASSERT_TRUE(keys.Fill(*batch, {0}).ok());
        const auto rendered = RenderRows(*values);
        std::vector<uint32_t> first(static_cast<size_t>(values->length()));
        for (int64_t row = 0; row < values->length(); row += JoinTable::kLookupRows) {
          (*table)->FindFirst(keys, row, std::min(JoinTable::kLookupRows, values->length() - row), first.data() + row);
        }
        for (int64_t row = 0; row < values->length(); ++row) {
          std::vector<uint32_t> found;
          for (uint32_t next = first[static_cast<size_t>(row)]; next != JoinTable::kNone; next = (*table)->Next(keys, row, next)) found.push_back(next);
          ASSERT_EQ(found, values->IsNull(row) ? std::vector<uint32_t>() : rows_of[rendered[static_cast<size_t>(row)]]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace millstream
