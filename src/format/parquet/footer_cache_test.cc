#include "format/parquet/footer_cache.h"

#include <arrow/io/memory.h>
#include <arrow/table.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>

namespace millstream {
namespace {

std::shared_ptr<parquet::FileMetaData> AnyFooter() {
  const auto sink = *arrow::io::BufferOutputStream::Create();
  const auto table = *arrow::Table::MakeEmpty(arrow::schema({arrow::field("a", arrow::int64())}));
  EXPECT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink).ok());
  return parquet::ReadMetaData(std::make_shared<arrow::io::BufferReader>(*sink->Finish()));
}

TEST(FooterCache, HoldsTheLastUsedWithinItsBytes) {
  const auto footer = AnyFooter();
  FooterCache cache(2 * footer->size());
  EXPECT_EQ(cache.Get(1), nullptr);
  cache.Put(1, footer);
  cache.Put(2, footer);
  EXPECT_EQ(cache.Get(1), footer);
  cache.Put(3, footer);  // 2 was used longest ago
  EXPECT_EQ(cache.Get(2), nullptr);
  EXPECT_EQ(cache.Get(1), footer);
  EXPECT_EQ(cache.Get(3), footer);
}

TEST(FooterCache, HoldsOneThatIsLargerThanAllItsBytes) {
  FooterCache cache(1);
  cache.Put(1, AnyFooter());
  EXPECT_NE(cache.Get(1), nullptr);
  cache.Put(2, AnyFooter());
  EXPECT_EQ(cache.Get(1), nullptr);
  EXPECT_NE(cache.Get(2), nullptr);
}

}  // namespace
}  // namespace millstream
