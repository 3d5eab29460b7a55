#include "format/parquet/flat_column.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <random>

#include "testing/batch_generator.h"

namespace millstream {
namespace {

using namespace testing_support;  // NOLINT

constexpr int64_t kRows = 20'000;

std::string Written(const std::shared_ptr<arrow::Array>& values, bool nullable, const parquet::WriterProperties::Builder& properties) {
  const auto table = arrow::Table::Make(arrow::schema({arrow::field("column", values->type(), nullable)}), {values});
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto builder = properties;
  EXPECT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, values->length(), builder.build()).ok());
  return sink->Finish().ValueOrDie()->ToString();
}

struct OpenFile {
  explicit OpenFile(const std::string& bytes)
      : reader(parquet::ParquetFileReader::Open(std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes)))), group(reader->RowGroup(0)) {}
  std::unique_ptr<FlatColumnReader> Column(RowsWanted wanted) const { return OpenFlatColumn(group.get(), 0, wanted, arrow::default_memory_pool(), "column"); }
  std::unique_ptr<parquet::ParquetFileReader> reader;
  std::shared_ptr<parquet::RowGroupReader> group;
};

struct Values {
  std::vector<int64_t> values;
  std::vector<uint8_t> valid;
};

Values ReadAll(FlatColumnReader* reader, int64_t count) {
  Values read{std::vector<int64_t>(static_cast<size_t>(count), -1), std::vector<uint8_t>(static_cast<size_t>(count), 1)};
  EXPECT_TRUE(reader->Read(count, reinterpret_cast<uint8_t*>(read.values.data()), read.valid.data()).ok());
  return read;
}

Values ReadKept(FlatColumnReader* reader, int64_t count, const std::vector<uint32_t>& kept, int64_t* nulls) {
  Values read{std::vector<int64_t>(kept.size(), -1), std::vector<uint8_t>(kept.size(), 7)};
  const auto found = reader->ReadKept(count, kept, reinterpret_cast<uint8_t*>(read.values.data()), read.valid.data());
  EXPECT_TRUE(found.ok()) << found.status().ToString();
  *nulls = found.ValueOr(-1);
  return read;
}

/// In few codes, in codes and then values, in values alone; in pages smaller and larger than what is decoded at a time.
std::vector<parquet::WriterProperties::Builder> Layouts() {
  std::vector<parquet::WriterProperties::Builder> layouts;
  for (const int64_t page_bytes : {1000, 1 << 20}) {
    for (const bool codes : {true, false}) {
      for (const int64_t dictionary_bytes : {1 << 20, 2000}) {
        auto& layout = layouts.emplace_back();
        layout.data_pagesize(page_bytes)->dictionary_pagesize_limit(dictionary_bytes)->write_batch_size(500);
        if (!codes) layout.disable_dictionary();
      }
    }
  }
  return layouts;
}

TEST(FlatColumn, GivesTheRowsThatAreKept) {
  std::mt19937_64 random(7);
  for (auto& layout : Layouts()) {
    for (const bool nullable : {false, true}) {
      const auto values = RandomArray(arrow::int64(), {.rows = kRows, .null_share = nullable ? 0.1 : 0, .distinct = 1000, .seed = 3});
      const OpenFile file(Written(values, nullable, layout));
      const Values all = ReadAll(file.Column(RowsWanted::kAll).get(), kRows);
      for (const int64_t one_of : {1, 9, 5000}) {
        for (const RowsWanted wanted : {RowsWanted::kAll, RowsWanted::kFew}) {
          const auto reader = file.Column(wanted);
          const int64_t skipped = 1234;
          ASSERT_TRUE(reader->Skip(skipped).ok());
          for (int64_t row = skipped; row < kRows;) {
            const int64_t count = std::min<int64_t>(kRows - row, 7000);
            std::vector<uint32_t> kept;
            for (int64_t i = 0; i < count; ++i) {
              if (random() % static_cast<uint64_t>(one_of) == 0) kept.push_back(static_cast<uint32_t>(i));
            }
            int64_t nulls = 0;
            const Values read = ReadKept(reader.get(), count, kept, &nulls);
            int64_t expected_nulls = 0;
            for (size_t i = 0; i < kept.size(); ++i) {
              const auto at = static_cast<size_t>(row + kept[i]);
              expected_nulls += all.valid[at] == 0;
              ASSERT_EQ(read.values[i], all.values[at]);
              if (nulls > 0) {
                ASSERT_EQ(read.valid[i], all.valid[at]);
              }
            }
            ASSERT_EQ(nulls, expected_nulls);
            row += count;
          }
        }
      }
    }
  }
}

TEST(FlatColumn, ReadsAllRowsOfAColumnThatWasOpenedForFew) {
  const auto values = RandomArray(arrow::int64(), {.rows = kRows, .null_share = 0.1, .distinct = 50, .seed = 4});
  const OpenFile file(Written(values, true, {}));
  const Values all = ReadAll(file.Column(RowsWanted::kAll).get(), kRows);
  const Values again = ReadAll(file.Column(RowsWanted::kFew).get(), kRows);
  EXPECT_EQ(again.values, all.values);
  EXPECT_EQ(again.valid, all.valid);
}

TEST(FlatColumn, CodesBeyondTheDictionaryAreDamage) {
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.AppendValues({10, 11, 12, 10, 11, 12, 10, 11}).ok());
  std::string bytes = Written(builder.Finish().ValueOrDie(), false, {});
  const std::string codes = "\x02\x03\x24\x49";  // two bits each: 0, 1, 2, 0, 1, 2, 0, 1
  const size_t at = bytes.find(codes);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 4, "\x02\x03\xff\xff");
  const OpenFile file(bytes);
  int64_t values[8];
  uint8_t valid[8];
  const auto read = file.Column(RowsWanted::kFew)->ReadKept(8, std::vector<uint32_t>{5}, reinterpret_cast<uint8_t*>(values), valid);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorruptData);
}

TEST(FlatColumn, AChunkThatEndsEarlyIsDamage) {
  const auto values = RandomArray(arrow::int64(), {.rows = 100, .null_share = 0, .distinct = 5, .seed = 5});
  const OpenFile file(Written(values, false, {}));
  int64_t read_values[2];
  uint8_t valid[2];
  for (const RowsWanted wanted : {RowsWanted::kAll, RowsWanted::kFew}) {
    const auto read = file.Column(wanted)->ReadKept(200, std::vector<uint32_t>{1, 150}, reinterpret_cast<uint8_t*>(read_values), valid);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorruptData);
    EXPECT_EQ(KindOf(file.Column(wanted)->Skip(101)), ErrorKind::kCorruptData);
  }
}

}  // namespace
}  // namespace millstream
