#pragma once
/// What tests of the public API share. They see it as an application does: only headers of include/millstream, linked to libmillstream.

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millstream/millstream.h"

namespace millstream {

constexpr int64_t kRows = 1000;

inline std::shared_ptr<arrow::Table> Numbers(int64_t begin, int64_t end) {
  arrow::Int64Builder numbers;
  arrow::StringBuilder names;
  for (int64_t i = begin; i < end; ++i) {
    EXPECT_TRUE(numbers.Append(i).ok());
    EXPECT_TRUE((i % 5 == 0 ? names.AppendNull() : names.Append("row " + std::to_string(i))).ok());
  }
  const auto schema = arrow::schema({arrow::field("number", arrow::int64()), arrow::field("name", arrow::utf8())});
  return arrow::Table::Make(schema, {*numbers.Finish(), *names.Finish()});
}

class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Context::Make({.num_cpus = 2, .memory_limit = 256 << 20});
    ASSERT_TRUE(made.ok()) << made.status();
    context_.emplace(*made);
    std::string pattern = (std::filesystem::temp_directory_path() / "millstream-api-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    for (int file = 0; file < 4; ++file) WriteFile(file);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void WriteFile(int file) {
    auto sink = arrow::io::FileOutputStream::Open(directory_ + "/part-" + std::to_string(file) + ".parquet");
    ASSERT_TRUE(sink.ok()) << sink.status();
    const auto table = Numbers(file * kRows / 4, (file + 1) * kRows / 4);
    ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), *sink, /*chunk_size=*/70).ok());
    ASSERT_TRUE((*sink)->Close().ok());
  }

  Dataset Read() const {
    auto dataset = Dataset::ReadParquet(*context_, {directory_});
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return *dataset;
  }

  std::optional<Context> context_;
  std::string directory_;
};

// ---- columns and rows, written out ----
template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> ArrayOf(const std::vector<std::optional<Value>>& values) {
  Builder builder;
  for (const auto& value : values) EXPECT_TRUE((value.has_value() ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}
inline std::shared_ptr<arrow::Array> Integers(const std::vector<std::optional<int64_t>>& values) { return ArrayOf<arrow::Int64Builder>(values); }
inline std::shared_ptr<arrow::Array> Fractions(const std::vector<std::optional<double>>& values) { return ArrayOf<arrow::DoubleBuilder>(values); }
inline std::shared_ptr<arrow::Array> Texts(const std::vector<std::optional<std::string>>& values) { return ArrayOf<arrow::StringBuilder>(values); }

inline Dataset DatasetOf(const Context& context, const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const auto made = Dataset::FromTable(context, *arrow::Table::Make(arrow::schema(fields), arrays));
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

using Lines = std::vector<std::string>;

/// Each row as text: "1|a|null".
inline Lines LinesOf(const arrow::Table& table) {
  Lines lines(table.num_rows());
  for (int column = 0; column < table.num_columns(); ++column) {
    for (int64_t row = 0; row < table.num_rows(); ++row) lines[row] += (column > 0 ? "|" : "") + (*table.column(column)->GetScalar(row))->ToString();
  }
  return lines;
}
inline Lines LinesOf(const arrow::Result<Dataset>& dataset) {
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  if (!dataset.ok()) return {};
  const auto table = dataset->ToTable();
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? LinesOf(**table) : Lines{};
}

/// The values of a column of int64.
inline std::vector<int64_t> ValuesOf(const arrow::Result<Dataset>& dataset, const std::string& column) {
  std::vector<int64_t> values;
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  if (!dataset.ok()) return values;
  const auto table = dataset->ToTable();
  EXPECT_TRUE(table.ok()) << table.status();
  if (!table.ok()) return values;
  for (const auto& chunk : (*table)->GetColumnByName(column)->chunks()) {
    const auto& numbers = static_cast<const arrow::Int64Array&>(*chunk);
    values.insert(values.end(), numbers.raw_values(), numbers.raw_values() + numbers.length());
  }
  return values;
}

/// The message of a call that must fail with that kind.
template <typename Value>
std::string Refusal(const arrow::Result<Value>& result, ErrorKind kind) {
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(static_cast<int>(KindOf(result.status())), static_cast<int>(kind)) << result.status();
  return result.status().message();
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

}  // namespace millstream
