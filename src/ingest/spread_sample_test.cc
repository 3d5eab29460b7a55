#include "ingest/spread_sample.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace millstream {
namespace {

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t first, int64_t count) {
  arrow::Int64Builder number, third;
  for (int64_t row = first; row < first + count; ++row) {
    EXPECT_TRUE(number.Append(row).ok());
    EXPECT_TRUE((row % 3 == 0 ? third.AppendNull() : third.Append(-row)).ok());
  }
  const auto schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("m", arrow::int64())});
  return arrow::RecordBatch::Make(schema, count, {*number.Finish(), *third.Finish()});
}

/// Of so many rows in batches of any size: evenly spread, in order, with their values.
void ExpectSpread(int64_t rows, int64_t rows_max) {
  SCOPED_TRACE(std::to_string(rows) + " rows");
  SpreadSample sample(rows_max);
  for (int64_t row = 0, size = 0; row < rows; row += size, size = (size * 7 + 3) % 41) {
    size = std::min(size, rows - row);
    sample.Add(*Numbers(row, size));
  }
  const auto taken = *sample.Rows();
  ASSERT_LE(taken->num_rows(), rows_max);
  ASSERT_GE(taken->num_rows(), std::min(rows, rows_max / 3));
  const auto& numbers = static_cast<const arrow::Int64Array&>(*taken->column(0));
  const auto& thirds = static_cast<const arrow::Int64Array&>(*taken->column(1));
  const int64_t stride = taken->num_rows() > 1 ? numbers.Value(1) : rows;
  EXPECT_GE(taken->num_rows() * stride, rows);
  for (int64_t at = 0; at < taken->num_rows(); ++at) {
    ASSERT_EQ(numbers.Value(at), at * stride);
    ASSERT_EQ(thirds.IsNull(at), at * stride % 3 == 0);
    ASSERT_EQ(thirds.IsNull(at) ? -at * stride : thirds.Value(at), -at * stride);
  }
}

TEST(SpreadSample, IsEvenlySpreadHoweverManyRowsCome) {
  for (const int64_t rows : {1, 7, 8, 9, 64, 65, 1000, 12345}) {
    ExpectSpread(rows, 8);
    ExpectSpread(rows, 9);
  }
}

TEST(SpreadSample, IsNullOfNoBatches) { EXPECT_EQ(*SpreadSample(8).Rows(), nullptr); }

}  // namespace
}  // namespace millstream
