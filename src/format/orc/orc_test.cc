#include "format/orc/orc_stripe.h"

#include <arrow/adapters/orc/adapter.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/io/memory.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "format/message_fields.h"

namespace millstream {
namespace {

using arrow::io::BufferReader;

std::string Message(std::initializer_list<std::pair<int, uint64_t>> numbers) {
  std::string message;
  for (const auto& [number, value] : numbers) AppendNumberField(number, value, &message);
  return message;
}

std::string TypeOf(uint64_t kind, const std::vector<uint64_t>& children = {}, size_t names = 0) {
  std::string message = Message({{1, kind}});
  for (const uint64_t child : children) AppendNumberField(2, child, &message);
  for (size_t name = 0; name < names; ++name) AppendBytesField(3, "c" + std::to_string(name), &message);
  return message;
}

constexpr uint64_t kInt = 3, kString = 7, kList = 10, kStruct = 12, kUnion = 13, kDecimal = 14;

/// A file without stripes, or with those told, behind so many bytes of content.
struct Told {
  std::vector<std::string> types = {TypeOf(kStruct, {1}, 1), TypeOf(kInt)};
  std::vector<std::string> stripes;
  uint64_t rows = 0;
  std::string content = "ORC";
  std::string more_of_footer, more_of_postscript;
  uint64_t compression = 0;

  std::string File() const {
    std::string footer = Message({{6, rows}});
    for (const auto& stripe : stripes) AppendBytesField(3, stripe, &footer);
    for (const auto& type : types) AppendBytesField(4, type, &footer);
    footer += more_of_footer;
    std::string postscript = Message({{1, footer.size()}, {2, compression}}) + more_of_postscript;
    AppendBytesField(8000, "ORC", &postscript);
    return content + footer + postscript + static_cast<char>(postscript.size());
  }
};

ListedFile Listed(const std::string& bytes) { return {"f.orc", "f.orc", static_cast<int64_t>(bytes.size())}; }

Result<OrcTail> Read(const std::string& bytes) {
  BufferReader file(arrow::Buffer::FromString(bytes));
  return OrcTail::Read(&file, Listed(bytes), {});
}

void ExpectRefused(const std::string& bytes, const std::string& why) {
  const auto tail = Read(bytes);
  ASSERT_FALSE(tail.ok()) << why;
  EXPECT_NE(tail.status().message().find(why), std::string::npos) << tail.status();
}

TEST(OrcTail, TheLibraryReadsWhatItIsGiven) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 1000; ++i) ASSERT_TRUE(builder.Append(i).ok());
  const auto table = arrow::Table::Make(arrow::schema({arrow::field("a", arrow::int64())}), {*builder.Finish()});
  using arrow::Compression;
  for (const auto compression : {Compression::UNCOMPRESSED, Compression::GZIP, Compression::SNAPPY, Compression::LZ4, Compression::ZSTD}) {
    const auto sink = *arrow::io::BufferOutputStream::Create();
    arrow::adapters::orc::WriteOptions options;
    options.compression = compression;
    auto writer = *arrow::adapters::orc::ORCFileWriter::Open(sink.get(), options);
    ASSERT_TRUE(writer->Write(*table).ok() && writer->Close().ok());
    const std::string bytes = (*sink->Finish())->ToString();
    const auto tail = Read(bytes);
    ASSERT_TRUE(tail.ok()) << tail.status();
    ASSERT_EQ(tail->rows(), 1000);
    ASSERT_EQ(tail->stripes().size(), 1u);
    const auto file = std::make_shared<BufferReader>(arrow::Buffer::FromString(bytes));
    const auto reader = *arrow::adapters::orc::ORCFileReader::Open(tail->FileWith(file), arrow::default_memory_pool());
    EXPECT_TRUE((*reader->Read())->Equals(*table));
  }
}

TEST(OrcTail, FilesWithoutStripes) {
  const std::string bytes = Told().File();
  const auto tail = Read(bytes);
  ASSERT_TRUE(tail.ok()) << tail.status();
  const auto file = tail->FileWith(std::make_shared<BufferReader>(arrow::Buffer::FromString(bytes)));
  const auto reader = *arrow::adapters::orc::ORCFileReader::Open(file, arrow::default_memory_pool());
  EXPECT_TRUE((*reader->ReadSchema())->Equals(*arrow::schema({arrow::field("c0", arrow::int32())})));
}

TEST(OrcTail, TypesAreATreeInItsOrder) {
  const auto with = [](std::vector<std::string> types) {
    Told told;
    told.types = std::move(types);
    return told.File();
  };
  ExpectRefused(with({}), "no structs");
  ExpectRefused(with({TypeOf(kList, {1}), TypeOf(kInt)}), "no structs");
  ExpectRefused(with({TypeOf(kStruct, {1, 1}, 2), TypeOf(kInt)}), "type 1 is out of place");
  ExpectRefused(with({TypeOf(kStruct, {2, 1}, 2), TypeOf(kInt), TypeOf(kInt)}), "type 2 is out of place");
  ExpectRefused(with({TypeOf(kStruct, {1}, 1), TypeOf(kList, {0})}), "type 0 is out of place");
  ExpectRefused(with({TypeOf(kStruct, {1}, 1), TypeOf(kList, {7})}), "type 7 is out of place");
  ExpectRefused(with({TypeOf(kStruct, {1}, 1), TypeOf(kInt), TypeOf(kInt)}), "no column is of");
  ExpectRefused(with({TypeOf(kStruct, {1}, 0), TypeOf(kInt)}), "is made of 1 others");
  ExpectRefused(with({TypeOf(kStruct, {1}, 1), TypeOf(kUnion)}), "is made of 0 others");
  ExpectRefused(with({TypeOf(kStruct, {1}, 1), TypeOf(99)}), "of kind 99");
  ExpectRefused(with({TypeOf(kStruct, {1}, 1), TypeOf(kDecimal) + Message({{5, 39}, {6, 2}})}), "decimal of 39 digits");
  std::vector<std::string> deep = {TypeOf(kStruct, {1}, 1)};
  for (uint64_t level = 2; level < 1000; ++level) deep.push_back(TypeOf(kList, {level}));
  deep.push_back(TypeOf(kInt));
  ExpectRefused(with(deep), "within each other");
}

TEST(OrcTail, StripesLieInTheFileOneBehindTheOther) {
  const auto with = [](std::vector<std::string> stripes, uint64_t rows) {
    Told told;
    told.content = std::string(100, 'x');
    told.stripes = std::move(stripes);
    told.rows = rows;
    return told.File();
  };
  const auto stripe = [](uint64_t begin, uint64_t index, uint64_t data, uint64_t footer, uint64_t rows) {
    return Message({{1, begin}, {2, index}, {3, data}, {4, footer}, {5, rows}});
  };
  EXPECT_TRUE(Read(with({stripe(3, 10, 30, 7, 5), stripe(50, 10, 30, 10, 6)}, 11)).ok());
  ExpectRefused(with({stripe(3, 10, 30, 7, 5), stripe(49, 10, 30, 10, 6)}, 11), "stripe 1 is not in the file");
  ExpectRefused(with({stripe(3, 10, 80, 8, 5)}, 5), "stripe 0 is not in the file");
  ExpectRefused(with({stripe(3, ~uint64_t{0}, 80, 8, 5)}, 5), "stripe 0 is not in the file");
  ExpectRefused(with({stripe(3, 10, 30, 7, uint64_t{1} << 49)}, 5), "impossible number of rows");
  ExpectRefused(with({stripe(3, 10, 30, 7, 5)}, 6), "its footer tells of 6 rows, its stripes of 5");
}

TEST(OrcTail, WhatIsNotReadIsSaid) {
  Told told;
  told.compression = 3;
  ExpectRefused(told.File(), "LZO");
  told.compression = 77;
  ExpectRefused(told.File(), "77");
  told = {};
  AppendBytesField(10, "", &told.more_of_footer);
  ExpectRefused(told.File(), "encrypted");
  told = {};
  told.more_of_postscript = Message({{3, uint64_t{1} << 40}});
  EXPECT_TRUE(Read(told.File()).ok());  // there are no blocks
  told.compression = 1;
  ExpectRefused(told.File(), "cannot be");
  told.compression = 0;
  told.more_of_postscript = Message({{4, 0}, {4, 12}, {4, 1}});
  ExpectRefused(told.File(), "postscript cannot be read");
  told.more_of_postscript = Message({{5, 1000}});
  ExpectRefused(told.File(), "longer than the file");
  told.more_of_postscript = Message({{1, 1000}});
  ExpectRefused(told.File(), "longer than the file");
}

/// A stripe of one column, with what its streams hold.
struct ToldStripe {
  std::vector<std::string> types = {TypeOf(kStruct, {1}, 1), TypeOf(kString)};
  struct Stream {
    uint64_t kind;
    std::string bytes;
    uint64_t column = 1;
  };
  std::vector<Stream> streams;
  std::vector<std::string> encodings = {"", Message({{1, 2}})};
  std::string timezone;
  uint64_t rows = 1;
  ReadLimits limits;

  Result<int64_t> RowsAtOnce() const {
    std::string data, footer;
    for (const auto& [kind, bytes, column] : streams) {
      AppendBytesField(1, Message({{1, kind}, {2, column}, {3, bytes.size()}}), &footer);
      data += bytes;
    }
    for (const auto& encoding : encodings) AppendBytesField(2, encoding, &footer);
    if (!timezone.empty()) AppendBytesField(3, timezone, &footer);
    Told told;
    told.types = types;
    told.content = "ORC" + data + footer;
    told.stripes = {Message({{1, 3}, {3, data.size()}, {4, footer.size()}, {5, rows}})};
    told.rows = rows;
    const std::string bytes = told.File();
    ARROW_ASSIGN_OR_RAISE(const auto tail, Read(bytes));
    BufferReader file(arrow::Buffer::FromString(bytes));
    const ListedFile listed = Listed(bytes);
    ARROW_ASSIGN_OR_RAISE(const auto stripe, OrcStripe::Read(tail, &file, listed, limits, tail.stripes()[0]));
    return stripe.RowsAtOnce({0});
  }
};

void ExpectRefused(const ToldStripe& told, const std::string& why) {
  const auto rows = told.RowsAtOnce();
  ASSERT_FALSE(rows.ok()) << why;
  EXPECT_NE(rows.status().message().find(why), std::string::npos) << rows.status();
}

/// Runs of the second form: a length of four bytes, ten times.
std::string TenTimes(uint32_t length) {
  std::string run = {0x1f};
  for (int byte = 3; byte >= 0; --byte) run.push_back(static_cast<char>(length >> 8 * byte));
  return run;
}

TEST(OrcStripe, TellsOfTheColumnsOfTheFile) {
  ToldStripe told;
  told.encodings.pop_back();
  ExpectRefused(told, "tells of 1 columns");
  told = {};
  for (const std::string zone : {"../../etc/passwd", "/dev/tty", "Europe/../../x"}) {
    told.timezone = zone;
    ExpectRefused(told, "time zone");
  }
  told.timezone = "America/Argentina/Buenos_Aires";
  EXPECT_TRUE(told.RowsAtOnce().ok());
  told.encodings[1] = Message({{1, 9}});
  ExpectRefused(told, "encoding that is not known");
}

TEST(OrcStripe, StreamsAreOfColumns) {
  ToldStripe told;
  told.streams = {{2 + (uint64_t{1} << 32), TenTimes(3)}};
  ExpectRefused(told, "a stream that is of no column");
  // A tag that is longer than the library takes them for.
  std::string footer;
  for (const int byte : {0x8a, 0x80, 0x80, 0x80, 0x10, 0x00}) footer.push_back(static_cast<char>(byte));
  EXPECT_FALSE(ForEachField(footer, [](const MessageReader::Field&) { return true; }));
}

TEST(OrcStripe, RowsWithoutColumns) {
  Told told;
  told.types = {TypeOf(kStruct)};
  const std::string footer = [] {
    std::string bytes;
    AppendBytesField(2, "", &bytes);
    return bytes;
  }();
  told.content = "ORC" + footer;
  told.stripes = {Message({{1, 3}, {4, footer.size()}, {5, 7}})};
  told.rows = 7;
  const std::string bytes = told.File();
  const auto tail = Read(bytes);
  ASSERT_TRUE(tail.ok()) << tail.status();
  BufferReader file(arrow::Buffer::FromString(bytes));
  const ListedFile listed = Listed(bytes);
  const ReadLimits limits;
  const auto stripe = OrcStripe::Read(*tail, &file, listed, limits, tail->stripes()[0]);
  ASSERT_TRUE(stripe.ok()) << stripe.status();
  EXPECT_FALSE(stripe->RowsAtOnce({0}).ok());
}

TEST(OrcStripe, TextsAreThereAsTold) {
  ToldStripe told;
  told.rows = 10;
  told.streams = {{2, TenTimes(3)}, {1, std::string(30, 'x')}};
  EXPECT_EQ(*told.RowsAtOnce(), 10);
  told.streams[1].bytes.pop_back();
  ExpectRefused(told, "tells of 30 bytes of texts and has 29");
  told.streams[0].bytes = TenTimes(0xffffffff);
  ExpectRefused(told, "bytes of texts");
  told.streams[0].bytes = {0x1f, 0x01};
  ExpectRefused(told, "cut short");
  told.encodings[1] = Message({{1, 3}, {2, 11}});
  told.streams = {{2, TenTimes(3)}, {3, std::string(30, 'x')}};
  ExpectRefused(told, "dictionary of 11 texts");
  told.encodings[1] = Message({{1, 3}, {2, 10}});
  EXPECT_EQ(*told.RowsAtOnce(), 10);
}

TEST(OrcStripe, ADictionaryOfTextsInListsThatAreEmpty) {
  ToldStripe told;
  told.types = {TypeOf(kStruct, {1}, 1), TypeOf(kList, {2}), TypeOf(kString)};
  told.encodings = {"", Message({{1, 2}}), Message({{1, 3}, {2, 10}})};
  told.rows = 10;
  told.streams = {{2, TenTimes(0), 1}, {2, TenTimes(3), 2}, {3, std::string(30, 'x'), 2}};
  EXPECT_EQ(*told.RowsAtOnce(), 10);
}

TEST(OrcStripe, FewRowsAreAskedForWhereTheyAreLarge) {
  ToldStripe told;
  told.types = {TypeOf(kStruct, {1}, 1), TypeOf(kList, {2}), TypeOf(kInt)};
  told.encodings.push_back(Message({{1, 2}}));
  told.rows = 10;
  told.streams = {{2, TenTimes(100)}};
  EXPECT_EQ(*told.RowsAtOnce(), 10);
  told.streams = {{2, TenTimes(400'000)}};
  EXPECT_EQ(*told.RowsAtOnce(), 1);
  told.streams = {{2, TenTimes(1'000'000)}};
  EXPECT_EQ(*told.RowsAtOnce(), 1);
  told.streams = {{2, TenTimes(20'000'000)}};
  ExpectRefused(told, "limits=ReadLimits(record_bytes=...)");
  told.limits.record_bytes = 1 << 28;  // numbers of four bytes
  EXPECT_EQ(*told.RowsAtOnce(), 1);
}

TEST(OrcStripe, DecimalsHaveFewDigits) {
  ToldStripe told;
  told.types = {TypeOf(kStruct, {1}, 1), TypeOf(kDecimal) + Message({{5, 10}, {6, 2}})};
  told.rows = 10;
  told.streams = {{5, TenTimes(76)}};
  EXPECT_EQ(*told.RowsAtOnce(), 10);
  for (const uint32_t scale : {78u, 1u, 0xffffffffu}) {
    told.streams = {{5, TenTimes(scale)}};
    ExpectRefused(told, "digits behind the point");
  }
}

using Form = OrcNumbers::Form;

std::vector<uint64_t> Numbers(const std::string& bytes, Form form, bool is_signed = false) {
  BufferReader file(arrow::Buffer::FromString(bytes));
  const ListedFile listed = Listed(bytes);
  const OrcBlocks blocks;
  const ReadLimits limits;
  OrcStream stream(&file, listed, blocks, limits, 0, listed.size_bytes);
  OrcNumbers numbers(&stream, form, is_signed);
  std::vector<uint64_t> all, run;
  do {
    const Status status = numbers.Next(&run);
    EXPECT_TRUE(status.ok()) << status;
    all.insert(all.end(), run.begin(), run.end());
  } while (!run.empty());
  return all;
}

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

TEST(OrcNumbers, RunsOfEachForm) {
  using Values = std::vector<uint64_t>;
  // Those that ORC's specification tells of.
  EXPECT_EQ(Numbers(Bytes({0x61, 0x00, 0x07}), Form::kFirst), Values(100, 7));
  Values down(100);
  for (size_t i = 0; i < 100; ++i) down[i] = 100 - i;
  EXPECT_EQ(Numbers(Bytes({0x61, 0xff, 0x64}), Form::kFirst), down);
  EXPECT_EQ(Numbers(Bytes({0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b}), Form::kFirst), (Values{2, 3, 6, 7, 11}));
  EXPECT_EQ(Numbers(Bytes({0x0a, 0x27, 0x10}), Form::kSecond), Values(5, 10000));
  EXPECT_EQ(Numbers(Bytes({0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef}), Form::kSecond), (Values{23713, 43806, 57005, 48879}));
  EXPECT_EQ(Numbers(Bytes({0x8e, 0x09, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0xfc, 0xe8}), Form::kSecond),
            (Values{2030, 2000, 2020, 1000000, 2040, 2050, 2060, 2070, 2080, 2090}));
  EXPECT_EQ(Numbers(Bytes({0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46}), Form::kSecond), (Values{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}));
  const auto minus = [](uint64_t value) { return ~value + 1; };
  EXPECT_EQ(Numbers(Bytes({0x61, 0x00, 0x07}), Form::kFirst, true), Values(100, minus(4)));
  EXPECT_EQ(Numbers(Bytes({0xfe, 0x02, 0x03}), Form::kFirst, true), (Values{1, minus(2)}));
  EXPECT_EQ(Numbers(Bytes({0x02, 0x05}), Form::kSecond, true), Values(5, minus(3)));
  EXPECT_EQ(Numbers(Bytes({0x42, 0x01, 0x70}), Form::kSecond, true), (Values{minus(1), minus(2)}));
  EXPECT_EQ(Numbers(Bytes({0xc0, 0x02, 0x03, 0x03}), Form::kSecond, true), (Values{minus(2), minus(4), minus(6)}));
}

}  // namespace
}  // namespace millstream
