#include "format/parquet/flat_column.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <cstring>
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
      : reader(parquet::ParquetFileReader::Open(std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes)), Checked())), group(reader->RowGroup(0)) {}
  static parquet::ReaderProperties Checked() {
    parquet::ReaderProperties properties;
    properties.set_page_checksum_verification(true);
    return properties;
  }
  std::unique_ptr<FlatColumnReader> Flat() const { return OpenFlatColumn(group.get(), 0, arrow::default_memory_pool(), "column"); }
  std::unique_ptr<KeptRowsReader> Kept() const { return OpenKeptRows(group.get(), 0, arrow::default_memory_pool(), "column"); }
  std::unique_ptr<parquet::ParquetFileReader> reader;
  std::shared_ptr<parquet::RowGroupReader> group;
};

template <typename Value>
struct Values {
  std::vector<Value> values;
  std::vector<uint8_t> valid;
};

template <typename Value>
Values<Value> AllOf(FlatColumnReader* reader, int64_t count) {
  Values<Value> read{std::vector<Value>(static_cast<size_t>(count)), std::vector<uint8_t>(static_cast<size_t>(count), 1)};
  EXPECT_TRUE(reader->Read(count, reinterpret_cast<uint8_t*>(read.values.data()), read.valid.data()).ok());
  return read;
}

std::vector<uint32_t> OneOf(int64_t one_of, int64_t count, std::mt19937_64* random) {
  std::vector<uint32_t> kept;
  for (int64_t i = 0; i < count; ++i) {
    if ((*random)() % static_cast<uint64_t>(one_of) == 0) kept.push_back(static_cast<uint32_t>(i));
  }
  return kept;
}

/// In windows, some of them without a row.
template <typename Value>
void CheckKept(const OpenFile& file, int64_t one_of, std::mt19937_64* random) {
  const auto all = AllOf<Value>(file.Flat().get(), kRows);
  const auto reader = file.Kept();
  const int64_t skipped = 1234;
  ASSERT_TRUE(reader->Read(skipped, {}, nullptr, nullptr).ok());
  for (int64_t row = skipped; row < kRows;) {
    const int64_t count = std::min<int64_t>(kRows - row, 7000);
    const auto kept = OneOf(one_of, count, random);
    std::vector<Value> values(kept.size());
    std::vector<uint8_t> valid(kept.size(), 7);
    const auto nulls = reader->Read(count, kept, reinterpret_cast<uint8_t*>(values.data()), valid.data());
    ASSERT_TRUE(nulls.ok()) << nulls.status().ToString();
    int64_t expected_nulls = 0;
    for (size_t i = 0; i < kept.size(); ++i) {
      const auto at = static_cast<size_t>(row + kept[i]);
      expected_nulls += all.valid[at] == 0;
      ASSERT_EQ(std::memcmp(&values[i], &all.values[at], sizeof(Value)), 0) << row + kept[i];
      if (*nulls > 0) {
        ASSERT_EQ(valid[i], all.valid[at]);
      }
    }
    ASSERT_EQ(*nulls, expected_nulls);
    row += count;
  }
}

/// In codes, in codes and then values, in values, in other encodings; in pages of both versions, smaller and larger than what is decoded at a time.
std::vector<parquet::WriterProperties::Builder> Layouts(bool integers) {
  std::vector<parquet::WriterProperties::Builder> layouts;
  for (const int64_t page_bytes : {1000, 1 << 20}) {
    for (const auto version : {parquet::ParquetDataPageVersion::V1, parquet::ParquetDataPageVersion::V2}) {
      const auto add = [&]() -> parquet::WriterProperties::Builder& {
        layouts.emplace_back().data_pagesize(page_bytes)->data_page_version(version)->write_batch_size(500);
        return layouts.back();
      };
      add();
      add().dictionary_pagesize_limit(2000);
      add().disable_dictionary()->compression(parquet::Compression::SNAPPY);
      add().disable_dictionary()->encoding(integers ? parquet::Encoding::DELTA_BINARY_PACKED : parquet::Encoding::BYTE_STREAM_SPLIT);
    }
  }
  return layouts;
}

TEST(KeptRows, AreThoseOfAllRows) {
  std::mt19937_64 random(7);
  for (const auto& type : {arrow::int64(), arrow::int32(), arrow::float64(), arrow::float32()}) {
    for (const auto& layout : Layouts(arrow::is_integer(type->id()))) {
      for (const double null_share : {-1., 0., 0.1, 1.}) {
        const auto values = RandomArray(type, {.rows = kRows, .null_share = std::max(null_share, 0.), .distinct = 1000, .seed = 3});
        const OpenFile file(Written(values, null_share >= 0, layout));
        for (const int64_t one_of : {1, 9, 5000}) {
          SCOPED_TRACE(type->ToString() + ", nulls " + std::to_string(null_share) + ", one of " + std::to_string(one_of));
          switch (type->id()) {
            case arrow::Type::INT64:
            case arrow::Type::DOUBLE:
              CheckKept<int64_t>(file, one_of, &random);
              break;
            default:
              CheckKept<int32_t>(file, one_of, &random);
          }
        }
      }
    }
  }
}

TEST(KeptRows, PagesWithoutThemAreNotRead) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < kRows; ++i) ASSERT_TRUE(builder.Append(i * 0x9E3779B97F4A7C15).ok());
  parquet::WriterProperties::Builder properties;
  properties.disable_dictionary()->data_pagesize(1000)->write_batch_size(100)->disable_statistics()->enable_page_checksum();
  std::string bytes = Written(builder.Finish().ValueOrDie(), false, properties);
  const auto all = AllOf<int64_t>(OpenFile(bytes).Flat().get(), kRows);
  const size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&all.values[50]), 8));
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  const OpenFile damaged(bytes);
  int64_t value = 0;
  uint8_t valid = 0;
  const auto read = damaged.Kept()->Read(kRows, std::vector<uint32_t>{15'000}, reinterpret_cast<uint8_t*>(&value), &valid);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(value, all.values[15'000]);
  EXPECT_EQ(KindOf(damaged.Kept()->Read(kRows, std::vector<uint32_t>{40}, reinterpret_cast<uint8_t*>(&value), &valid).status()), ErrorKind::kCorruptData);
}

TEST(KeptRows, CodesBeyondTheDictionaryAreDamage) {
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.AppendValues({10, 11, 12, 10, 11, 12, 10, 11}).ok());
  std::string bytes = Written(builder.Finish().ValueOrDie(), false, {});
  const std::string codes = "\x02\x03\x24\x49";  // two bits each: 0, 1, 2, 0, 1, 2, 0, 1
  const size_t at = bytes.find(codes);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 4, "\x02\x03\xff\xff");
  int64_t value;
  uint8_t valid;
  const auto read = OpenFile(bytes).Kept()->Read(8, std::vector<uint32_t>{5}, reinterpret_cast<uint8_t*>(&value), &valid);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorruptData);
}

TEST(KeptRows, AChunkThatEndsEarlyIsDamage) {
  const auto values = RandomArray(arrow::int64(), {.rows = 100, .null_share = 0, .distinct = 5, .seed = 5});
  const OpenFile file(Written(values, false, {}));
  int64_t read_values[2];
  uint8_t valid[2];
  for (const auto& kept : std::vector<std::vector<uint32_t>>{{1, 150}, {1}, {}, {100}}) {
    EXPECT_EQ(KindOf(file.Kept()->Read(200, kept, reinterpret_cast<uint8_t*>(read_values), valid).status()), ErrorKind::kCorruptData);
  }
  EXPECT_EQ(KindOf(file.Flat()->Read(101, reinterpret_cast<uint8_t*>(std::vector<int64_t>(101).data()), std::vector<uint8_t>(101).data()).status()), ErrorKind::kCorruptData);
}

/// Every byte of the pages replaced once: an answer or an error, and nothing else.
TEST(KeptRows, DamagedPagesDoNoHarm) {
  for (auto layout : Layouts(true)) {
    const auto values = RandomArray(arrow::int64(), {.rows = 60, .null_share = 0.1, .distinct = 9, .seed = 6});
    layout.data_pagesize(100)->write_batch_size(20);
    const std::string sound = Written(values, true, layout);
    const OpenFile file(sound);
    const auto chunk = file.group->metadata()->ColumnChunk(0);
    const int64_t begin = chunk->has_dictionary_page() ? chunk->dictionary_page_offset() : chunk->data_page_offset();
    for (int64_t at = begin; at < begin + chunk->total_compressed_size(); ++at) {
      for (const char byte : {'\x00', '\x7f', '\xff'}) {
        std::string bytes = sound;
        bytes[static_cast<size_t>(at)] = byte;
        const OpenFile damaged(bytes);
        int64_t read_values[3];
        uint8_t valid[3];
        const auto read = damaged.Kept()->Read(60, std::vector<uint32_t>{3, 30, 59}, reinterpret_cast<uint8_t*>(read_values), valid);
        if (!read.ok()) EXPECT_EQ(KindOf(read.status()), ErrorKind::kCorruptData) << read.status().ToString();
      }
    }
  }
}

}  // namespace
}  // namespace millstream
