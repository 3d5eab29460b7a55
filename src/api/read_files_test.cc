/// The readers of files of other formats than Parquet.

#include <arrow/filesystem/localfs.h>
#include <arrow/ipc/writer.h>

#include <fstream>

#include "api/test_rows.h"

namespace millstream {
namespace {

class ReadFilesTest : public ApiTest {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    const std::filesystem::path path = directory_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  static std::shared_ptr<arrow::Table> TableOf(const arrow::Result<Dataset>& dataset) {
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    if (!dataset.ok()) return nullptr;
    auto table = dataset->ToTable();
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *table : nullptr;
  }

  static std::string Text(const arrow::Table& table) {
    std::string text;
    for (int64_t row = 0; row < table.num_rows(); ++row) {
      for (int column = 0; column < table.num_columns(); ++column) text += (column == 0 ? "" : ",") + (*table.column(column)->GetScalar(row))->ToString();
      text += ";";
    }
    return text;
  }
};

TEST_F(ReadFilesTest, FilesOfAStoreThatWasAdded) {
  Write("lake/year=2025/a.csv", "n\n1\n2\n");
  Write("lake/year=2026/_hidden/b.csv", "n\n9\n");
  Write("lake/year=2026/b.csv", "n\n3\n");
  Context context = *Context::Make({.num_cpus = 2});
  const auto files = std::make_shared<arrow::fs::SubTreeFileSystem>(directory_, std::make_shared<arrow::fs::LocalFileSystem>());
  ASSERT_TRUE(context.AddStore("store://", files).ok());
  const auto table = TableOf(Dataset::ReadCsv(context, {"store://lake"}));
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(Text(*table), "1;2;3;");
  EXPECT_EQ(KindOf(Dataset::ReadCsv(context, {"store://nothing"}).status()), ErrorKind::kFileNotFound);
  EXPECT_EQ(KindOf(Dataset::ReadCsv(context, {"other://lake"}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(context.AddStore("no prefix", files)), ErrorKind::kInvalidArgument);
  ASSERT_TRUE(Dataset::ReadCsv(context, {"store://lake"})->WriteParquet("store://out").ok());
  const auto again = TableOf(Dataset::ReadParquet(context, {directory_ + "/out"}));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(Text(*again), "1;2;3;");
}

TEST_F(ReadFilesTest, CsvWithPartitionsAndNames) {
  Write("csv/year=2025/a.csv", "1;x\n2;y\n");
  Write("csv/year=2026/b.csv", "3;z\n");
  ReadCsvOptions options;
  options.column_names = {"id", "text"};
  options.parse.delimiter = ';';
  options.files.partitioning = Partitioning{.types = {{"year", arrow::int64()}}};
  const auto table = TableOf(Dataset::ReadCsv(*context_, {directory_ + "/csv"}, options));
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(Text(*table), "1,x,2025;2,y,2025;3,z,2026;");
}

TEST_F(ReadFilesTest, JsonTextAndBytes) {
  const std::string json = Write("j/a.json", "{\"id\": 1, \"x\": 0.5}\n{\"id\": 2}\n");
  ReadJsonOptions typed;
  typed.schema = arrow::schema({arrow::field("id", arrow::int8())});
  const auto rows = TableOf(Dataset::ReadJson(*context_, {json}, typed));
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(Text(*rows), "1,0.5;2,null;");
  EXPECT_EQ(rows->schema()->field(0)->type()->id(), arrow::Type::INT8);
  const std::string lines = Write("t/a.txt", "one\n\ntwo\n");
  EXPECT_EQ(TableOf(Dataset::ReadText(*context_, {lines}))->num_rows(), 2);
  EXPECT_EQ(TableOf(Dataset::ReadText(*context_, {lines}, {.drop_empty_lines = false}))->num_rows(), 3);
  const auto bytes = TableOf(Dataset::ReadBinaryFiles(*context_, {lines}, {.include_paths = true}));
  EXPECT_EQ(bytes->ColumnNames(), (std::vector<std::string>{"bytes", "path"}));
  EXPECT_EQ(bytes->num_rows(), 1);
}

TEST_F(ReadFilesTest, Ipc) {
  const auto written = Numbers(0, 300);
  const std::string path = directory_ + "/a.arrow";
  {
    const auto sink = *arrow::io::FileOutputStream::Open(path);
    const auto writer = *arrow::ipc::MakeFileWriter(sink, written->schema());
    ASSERT_TRUE(writer->WriteTable(*written, 50).ok());
    ASSERT_TRUE(writer->Close().ok());
    ASSERT_TRUE(sink->Close().ok());
  }
  // The directory has files of Parquet too.
  const auto table = TableOf(Dataset::ReadIpc(*context_, {directory_}));
  ASSERT_NE(table, nullptr);
  EXPECT_TRUE(table->Equals(*written));
}

TEST_F(ReadFilesTest, ParquetWithPaths) {
  const auto table = TableOf(Dataset::ReadParquet(*context_, {directory_}, {.columns = {"path", "number"}, .files = {.include_paths = true}}));
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->num_rows(), kRows);
  EXPECT_EQ((*table->column(0)->GetScalar(kRows - 1))->ToString(), directory_ + "/part-3.parquet");
}

TEST_F(ReadFilesTest, LimitsMayBeSet) {
  const std::string lines = Write("t/a.txt", "short\na longer line\nshort\n");
  ReadTextOptions options;
  options.files.limits.line_bytes = 13;
  EXPECT_EQ(TableOf(Dataset::ReadText(*context_, {lines}, options))->num_rows(), 3);
  options.files.limits.line_bytes = 12;
  EXPECT_EQ(KindOf(Dataset::ReadText(*context_, {lines}, options).status()), ErrorKind::kCorruptData);
  options.files.on_bad_row = OnBad::kSkip;
  EXPECT_EQ(TableOf(Dataset::ReadText(*context_, {lines}, options))->num_rows(), 2);
  options.files.limits.line_bytes = 0;
  EXPECT_EQ(KindOf(Dataset::ReadText(*context_, {lines}, options).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(Dataset::ReadCsv(*context_, {lines}, {.files = {.limits = {.line_bytes = 3, .columns = 1}}}).status()), ErrorKind::kCorruptData);
}

TEST_F(ReadFilesTest, ErrorsHaveKinds) {
  const auto none = Dataset::ReadOrc(*context_, {directory_ + "/none.orc"});
  EXPECT_EQ(KindOf(none.status()), ErrorKind::kFileNotFound);
  const auto damaged = Dataset::ReadNumpy(*context_, {Write("a.npy", "not numpy")});
  EXPECT_EQ(KindOf(damaged.status()), ErrorKind::kCorruptData);
}

}  // namespace
}  // namespace millstream
