#include "format/csv/csv_format.h"

#include <arrow/array.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/random.h"
#include "env/env.h"
#include "testing/temporary_directory.h"
#include "testing/test_engine.h"

namespace millstream {
namespace {

using testing_support::ReplayNote;
using testing_support::TestSeed;

/// "name=value" of each column, a text a row.
std::vector<std::string> Texts(const arrow::RecordBatch& batch) {
  std::vector<std::string> rows(static_cast<size_t>(batch.num_rows()));
  for (int column = 0; column < batch.num_columns(); ++column) {
    for (size_t row = 0; row < rows.size(); ++row) {
      rows[row] += (column > 0 ? " " : "") + batch.column_name(column) + "=" + (*batch.column(column)->GetScalar(static_cast<int64_t>(row)))->ToString();
    }
  }
  return rows;
}

class CsvFormatTest : public ::testing::Test {
 protected:
  void Add(const std::string& text) {
    const std::string name = std::to_string(listed_.size()) + ".csv";
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    listed_.push_back({path, name, static_cast<int64_t>(text.size())});
  }
  Result<std::shared_ptr<const CsvFormat>> Make(CsvOptions options = {}) {
    return CsvFormat::Make(RealEnv(), std::make_shared<const std::vector<ListedFile>>(listed_), std::move(options), nullptr);
  }
  /// The rows of a file, read in ranges that end at these bytes.
  Result<std::vector<std::string>> Rows(const FileFormat& format, uint32_t file, std::vector<int64_t> cuts) {
    cuts.push_back(listed_[file].size_bytes);
    std::vector<std::string> rows;
    int64_t begin = 0;
    for (const int64_t end : cuts) {
      ARROW_ASSIGN_OR_RAISE(const auto reader, format.Read({file, begin, end}, arrow::default_memory_pool(), nullptr));
      for (;;) {
        ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
        if (batch == nullptr) break;
        ARROW_RETURN_NOT_OK(batch->ValidateFull());
        EXPECT_TRUE(batch->schema()->Equals(*format.schema()));
        const auto more = Texts(*batch);
        rows.insert(rows.end(), more.begin(), more.end());
      }
      begin = end;
    }
    return rows;
  }
  std::string Error(const Result<std::vector<std::string>>& rows) { return rows.ok() ? "" : rows.status().message(); }

  TemporaryDirectory directory_;
  std::vector<ListedFile> listed_;
};

TEST_F(CsvFormatTest, RangesThatMakeUpAFileGiveEachOfItsRowsOnce) {
  SCOPED_TRACE(ReplayNote());
  std::mt19937_64 draw(TestSeed());
  for (const std::string newline : {"\n", "\r\n", "\r"}) {
    for (const bool ends_open : {false, true}) {
      listed_.clear();
      std::string text = "number,text" + newline;
      std::vector<std::string> expected;
      for (int row = 0; row < 200; ++row) {
        const std::string value(draw() % 40, 'a' + static_cast<char>(draw() % 26));
        if (draw() % 10 == 0) text += newline;
        text += std::to_string(row) + ",\"" + value + ",\"" + (row == 199 && ends_open ? "" : newline);
        expected.push_back("number=" + std::to_string(row) + " text=" + value + ",");
      }
      Add(text);
      const auto format = Make();
      ASSERT_TRUE(format.ok()) << format.status();
      const auto whole = Rows(**format, 0, {});
      ASSERT_TRUE(whole.ok()) << whole.status();
      ASSERT_EQ(*whole, expected);
      for (int trial = 0; trial < 60; ++trial) {
        std::vector<int64_t> cuts;
        const int64_t step = 1 + static_cast<int64_t>(draw() % 300);
        for (int64_t at = step; at < static_cast<int64_t>(text.size()); at += 1 + static_cast<int64_t>(draw() % static_cast<uint64_t>(step))) cuts.push_back(at);
        const auto rows = Rows(**format, 0, cuts);
        ASSERT_TRUE(rows.ok()) << rows.status();
        ASSERT_EQ(*rows, expected) << "with " << cuts.size() << " cuts";
      }
    }
  }
}

TEST_F(CsvFormatTest, TypesAreToldFromAllFilesAndGivenOnesStay) {
  Add("a,b,c,d,e\n1,2,2020-01-01,x,\n");
  Add("a,b,c,d,e\n1,2.5,2020-01-01 10:00:00,3,\n");
  CsvOptions options;
  options.convert.column_types["a"] = arrow::int16();
  const auto format = *Make(options);
  EXPECT_EQ(format->schema()->ToString(), "a: int16\nb: double\nc: timestamp[s]\nd: string\ne: string");
  EXPECT_GE(format->rows_guess(), 1);
}

TEST_F(CsvFormatTest, ColumnsAreThoseOfAllFilesInOrderOfFirstAppearance) {
  Add("a,b\n1,2\n");
  Add("c,a\n3,4\n");
  Add("");
  const auto format = *Make();
  EXPECT_EQ(format->schema()->field_names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(Rows(*format, 0, {}).ValueOrDie().size(), 1u);
  const auto second = *Rows(*format, 1, {});
  EXPECT_EQ(second, std::vector<std::string>{"a=4 b=null c=3"});
  EXPECT_TRUE(Rows(*format, 2, {})->empty());
}

TEST_F(CsvFormatTest, LineEndsWithinQuotesEndNoRowWhereTheyAreAllowed) {
  std::string text = "\xef\xbb\xbf" "id,text\n";
  for (int row = 0; row < 1000; ++row) text += std::to_string(row) + ",\"a\nb, \"\"c\"\"\n\"\n";
  Add(text);
  CsvOptions options;
  options.parse.newlines_in_values = true;
  const auto format = *Make(options);
  EXPECT_EQ(format->schema()->ToString(), "id: int64\ntext: string");
  EXPECT_FALSE(format->cuttable(0));
  const auto rows = *Rows(*format, 0, {});
  ASSERT_EQ(rows.size(), 1000u);
  EXPECT_EQ(rows[999], "id=999 text=a\nb, \"c\"\n");
}

TEST_F(CsvFormatTest, WhatIsWrongIsToldWithFileAndRow) {
  Add("a,b\n1,2\n3,4,5\n");
  const auto format = *Make();
  const std::string ragged = Error(Rows(*format, 0, {}));
  EXPECT_NE(ragged.find("0.csv: row 1 has 3 values for 2 columns: '3,4,5'"), std::string::npos) << ragged;
  listed_.clear();
  Add("a,b\n1,2\n3,x\n");
  CsvOptions typed;
  typed.convert.column_types["b"] = arrow::int32();
  const std::string wrong = Error(Rows(**Make(typed), 0, {}));
  EXPECT_NE(wrong.find("0.csv, column 'b': Row #1: CSV conversion error to int32: invalid value 'x'"), std::string::npos) << wrong;
  listed_.clear();
  Add("a,b\n1,caf\xe9\n");
  EXPECT_NE(Error(Rows(**Make(), 0, {})).find("UTF8"), std::string::npos);
  listed_.clear();
  Add("a,a\n1,2\n");
  EXPECT_NE(Make().status().message().find("two columns 'a'"), std::string::npos);
  listed_.clear();
  Add(std::string("\xff\xfe" "a\0\n\0", 6));
  EXPECT_NE(Make().status().message().find("UTF-16"), std::string::npos);
  listed_.clear();
  Add("");
  EXPECT_EQ(KindOf(Make().status()), ErrorKind::kInvalidArgument);
}

TEST_F(CsvFormatTest, AFileThatChangedAfterItWasListedIsAnError) {
  Add("a\n1\n");
  const auto format = *Make();
  std::ofstream(listed_[0].path, std::ios::app) << "2\n";
  EXPECT_NE(Error(Rows(*format, 0, {})).find("changed after it was listed"), std::string::npos);
}

TEST_F(CsvFormatTest, ItTravelsWithItsTypes) {
  Add("a;b\n1;x\n2;y\n");
  CsvOptions options;
  options.parse.delimiter = ';';
  options.timestamp_formats = {"%Y/%m/%d", CsvOptions::kIso8601};
  const auto format = *Make(options);
  ByteWriter out;
  ASSERT_TRUE(format->Write(&out).ok());
  const std::string bytes = out.Finish();
  const auto files = std::make_shared<const std::vector<ListedFile>>(listed_);
  ByteReader in(bytes, "format");
  const auto again = CsvFormat::Read(RealEnv(), files, &in);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE((*again)->schema()->Equals(*format->schema()));
  EXPECT_EQ(*Rows(**again, 0, {}), *Rows(*format, 0, {}));
  for (size_t length = 0; length < bytes.size(); ++length) {
    ByteReader cut(std::string_view(bytes).substr(0, length), "format");
    EXPECT_FALSE(CsvFormat::Read(RealEnv(), files, &cut).ok());
  }
}

}  // namespace
}  // namespace millstream
