#include "format/parquet/parquet_writer.h"

#include <arrow/api.h>
#include <arrow/extension/uuid.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>

#include "column/gather.h"
#include "memory/budget_pool.h"
#include "format/parquet/parquet_form.h"
#include "testing/batch_generator.h"
#include "testing/charge_faults.h"
#include "testing/fault_env.h"
#include "testing/temporary_directory.h"
#include "testing/type_catalog.h"

namespace millstream {
namespace {

using testing_support::ArrayOptions;
using testing_support::EveryType;
using testing_support::RandomBatch;

struct Pools {
  std::shared_ptr<Budget> budget;
  std::shared_ptr<BudgetPool> pool;
};

Pools MakePools(int64_t limit) {
  Pools pools{Budget::Make(limit), nullptr};
  pools.pool = BudgetPool::Make(*Budget::Open(pools.budget, "parquet writer", 0), PageArena::Make(limit));
  return pools;
}

Status WriteBatches(Env& env, const std::string& path, const arrow::Schema& schema, const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                    const ParquetWriterOptions& options, std::shared_ptr<BudgetPool> pool = MakePools(256 << 20).pool) {
  ARROW_ASSIGN_OR_RAISE(auto writer, ParquetWriteFormat(options).Open(env, {path, arrow::schema(schema.fields(), schema.metadata()), 0, pool}));
  int64_t rows = 0;
  for (const auto& batch : batches) {
    ARROW_RETURN_NOT_OK(writer->Write(batch));
    rows += batch->num_rows();
  }
  ARROW_ASSIGN_OR_RAISE(const auto written, writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto entry, env.Stat(path));
  EXPECT_EQ(written.bytes, entry.size_bytes);
  EXPECT_EQ(written.rows, rows);
  return Status::OK();
}

Result<std::shared_ptr<arrow::Table>> ReadBack(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, RealEnv()->OpenForRead(path));
  parquet::ReaderProperties properties;
  properties.set_page_checksum_verification(true);
  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(file, properties));
  ARROW_ASSIGN_OR_RAISE(auto reader, builder.Build());
  return reader->ReadTable();
}

/// The form in which two columns of equal rows are equal, whatever their pieces, encoding and slices.
std::shared_ptr<arrow::Array> Plain(const arrow::ChunkedArray& column) {
  std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
  for (const auto& chunk : column.chunks()) pieces.push_back(*ToStorage(chunk->data(), arrow::default_memory_pool()));
  const auto type = StorageType(column.type());
  return arrow::MakeArray(*Concatenate(pieces, type, arrow::default_memory_pool()));
}

std::shared_ptr<arrow::Array> ExpectedColumn(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  arrow::ArrayVector forms;
  for (const auto& batch : batches) forms.push_back(arrow::MakeArray(*ToParquetForm(batch->column_data(0), arrow::default_memory_pool())));
  return Plain(arrow::ChunkedArray(forms));
}

/// The catalog's values of second units are random 64-bit numbers; those that milliseconds cannot hold are another test's.
bool MayOverflow(const arrow::DataType& type) {
  if (type.id() == arrow::Type::TIMESTAMP) return static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::SECOND;
  if (type.id() == arrow::Type::TIME32) return static_cast<const arrow::Time32Type&>(type).unit() == arrow::TimeUnit::SECOND;
  return type.id() == arrow::Type::DATE64;
}

TEST(ParquetWriter, EveryTypeComesBackOrIsRefusedByName) {
  TemporaryDirectory root;
  int files = 0, refused = 0;
  for (const auto& type : EveryType()) {
    if (MayOverflow(*type)) continue;
    SCOPED_TRACE(type->ToString());
    const auto schema = arrow::schema({arrow::field("the column", type)});
    if (!ParquetSchema(*schema).ok()) {
      const Status status = ParquetSchema(*schema).status();
      EXPECT_EQ(KindOf(status), ErrorKind::kType);
      EXPECT_NE(status.message().find("'the column'"), std::string::npos) << status;
      ++refused;
      continue;
    }
    for (const ArrayOptions& shape : {ArrayOptions{.rows = 3000}, ArrayOptions{.rows = 300, .null_share = 0, .sliced = true},
                                      ArrayOptions{.rows = 64, .null_share = 1}, ArrayOptions{.rows = 0},
                                      ArrayOptions{.rows = 300, .null_share = 0.3, .sliced = true, .distinct = 7, .seed = 3}}) {
      auto second = shape;
      ++second.seed;
      const std::vector<std::shared_ptr<arrow::RecordBatch>> batches = {RandomBatch(schema, shape), RandomBatch(schema, second)};
      const std::string path = root / std::to_string(files++);
      const Status status = WriteBatches(*RealEnv(), path, *schema, batches, {.row_group_rows = 170});
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
      const auto table = ReadBack(path);
      EXPECT_TRUE(table.ok()) << table.status();
      if (!table.ok()) break;
      const auto expected = ExpectedColumn(batches);
      const auto actual = Plain(*(*table)->column(0));
      EXPECT_TRUE(actual->type()->Equals(*expected->type())) << actual->type()->ToString() << " for " << expected->type()->ToString();
      EXPECT_TRUE(actual->Equals(expected, arrow::EqualOptions().nans_equal(true))) << actual->ToString() << "\n" << expected->ToString();
    }
  }
  EXPECT_GT(files, 300);
  EXPECT_GT(refused, 5);
}

TEST(ParquetWriter, KeepsTheTypesThatParquetItselfDoesNotKnow) {
  TemporaryDirectory root;
  const auto marked = arrow::key_value_metadata({"ARROW:extension:name", "ARROW:extension:metadata"}, {"my.type", "x"});
  const auto schema = arrow::schema({arrow::field("uuid", arrow::extension::uuid()), arrow::field("word", arrow::dictionary(arrow::int16(), arrow::utf8())),
                                     arrow::field("when", arrow::timestamp(arrow::TimeUnit::NANO, "Europe/Berlin")),
                                     arrow::field("view", arrow::utf8_view()), arrow::field("lists", arrow::large_list_view(arrow::int8())),
                                     arrow::field("span", arrow::duration(arrow::TimeUnit::SECOND)), arrow::field("mine", arrow::int32(), true, marked)},
                                    arrow::key_value_metadata({"made"}, {"here"}));
  ASSERT_TRUE(WriteBatches(*RealEnv(), root / "a", *schema, {RandomBatch(schema, {})}, {}).ok());
  const auto read = (*ReadBack(root / "a"))->schema();
  for (int field = 0; field < schema->num_fields(); ++field) {
    EXPECT_TRUE(read->field(field)->type()->Equals(*schema->field(field)->type())) << read->field(field)->ToString();
  }
  EXPECT_EQ(*read->GetFieldByName("mine")->metadata()->Get("ARROW:extension:name"), "my.type");
  EXPECT_EQ(*read->metadata()->Get("made"), "here");
}

TEST(ParquetWriter, SecondsBecomeMillisecondsOrAnErrorButNeverAWrongTime) {
  TemporaryDirectory root;
  const auto type = arrow::timestamp(arrow::TimeUnit::SECOND, "UTC");
  for (const auto& [value, fits] : {std::pair<int64_t, bool>{1'700'000'000, true}, {int64_t{1} << 60, false}}) {
    auto builder = arrow::TimestampBuilder(type, arrow::default_memory_pool());
    ASSERT_TRUE(builder.Append(value).ok());
    const auto schema = arrow::schema({arrow::field("when", type)});
    const auto batch = arrow::RecordBatch::Make(schema, 1, {*builder.Finish()});
    const Status status = WriteBatches(*RealEnv(), root / std::to_string(fits), *schema, {batch}, {});
    ASSERT_EQ(status.ok(), fits) << status;
    if (!fits) {
      EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
      EXPECT_NE(status.message().find("'when'"), std::string::npos) << status;
      continue;
    }
    const auto column = (*ReadBack(root / "1"))->column(0);
    EXPECT_TRUE(column->type()->Equals(*arrow::timestamp(arrow::TimeUnit::MILLI, "UTC")));
    EXPECT_EQ(static_cast<const arrow::TimestampArray&>(*column->chunk(0)).Value(0), value * 1000);
  }
}

TEST(ParquetWriter, CutsRowGroupsAndWritesChecksums) {
  TemporaryDirectory root;
  const auto schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("s", arrow::utf8())});
  for (const char* name : {"snappy", "ZSTD", "gzip", "lz4", "none"}) {
    const std::string path = root / name;
    ParquetWriterOptions options{.compression = *ParseCompression(name, ParquetCompressions()), .row_group_rows = 400};
    ASSERT_TRUE(WriteBatches(*RealEnv(), path, *schema, {RandomBatch(schema, {.rows = 1000}), RandomBatch(schema, {.rows = 1})}, options).ok());
    auto reader = parquet::ParquetFileReader::Open(*RealEnv()->OpenForRead(path));
    const auto metadata = reader->metadata();
    ASSERT_EQ(metadata->num_row_groups(), 3);
    EXPECT_EQ(metadata->RowGroup(0)->num_rows(), 400);
    EXPECT_EQ(metadata->RowGroup(2)->num_rows(), 201);
    EXPECT_EQ(metadata->RowGroup(0)->ColumnChunk(0)->compression(), options.compression);
    // A flipped bit in a page is noticed, which takes a checksum.
    const auto chunk = metadata->RowGroup(0)->ColumnChunk(0);
    std::string text = (*(*RealEnv()->OpenForRead(path))->ReadAt(0, 1 << 20))->ToString();
    text[chunk->data_page_offset() + chunk->total_compressed_size() / 2] ^= 4;
    auto out = *RealEnv()->CreateForWrite(path + ".bad");
    ASSERT_TRUE(out->Write(text.data(), static_cast<int64_t>(text.size())).ok());
    ASSERT_TRUE(out->Close().ok());
    EXPECT_FALSE(ReadBack(path + ".bad").ok());
  }
  EXPECT_EQ(KindOf(ParseCompression("zip", ParquetCompressions()).status()), ErrorKind::kInvalidArgument);
}

TEST(ParquetWriter, AFileWithoutRowsHoldsTheSchema) {
  TemporaryDirectory root;
  const auto schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8()))});
  ASSERT_TRUE(WriteBatches(*RealEnv(), root / "none", *schema, {}, {}).ok());
  EXPECT_TRUE((*ReadBack(root / "none"))->schema()->Equals(*schema, false));
  EXPECT_EQ(KindOf(WriteBatches(*RealEnv(), root / "x", arrow::Schema({}), {}, {})), ErrorKind::kInvalidArgument);
}

TEST(ParquetWriter, ARefusedChargeIsABudgetErrorAndAllMemoryComesBack) {
  const auto runs = arrow::run_end_encoded(arrow::int32(), arrow::utf8());
  const auto schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("s", arrow::utf8()), arrow::field("r", runs)});
  const auto batch = RandomBatch(schema, {.rows = 500});
  bool refused = true;
  int index = 0;
  for (; refused && index < 5000; ++index) {
    TemporaryDirectory root;
    auto pools = MakePools(64 << 20);
    auto env = FaultEnv::Make(RealEnv());
    {
      ChargeFaults faults(pools.budget);
      faults.RefuseCharge(index);
      const Status status = WriteBatches(*env, root / "a", *schema, {batch, batch}, {.row_group_rows = 300}, pools.pool);
      refused = faults.charges() > index;
      EXPECT_EQ(status.ok(), !refused) << status;
      if (refused) {
        EXPECT_EQ(KindOf(status), ErrorKind::kBudget) << index << ": " << status;
      }
    }
    EXPECT_EQ(pools.budget->used_bytes(), 0) << index;
    EXPECT_EQ(env->open_files(), 0) << index;
  }
  EXPECT_GT(index, 20);
}

TEST(ParquetWriter, AnyCallMayFailAndTheErrorNamesTheFile) {
  const auto schema = arrow::schema({arrow::field("n", arrow::int64()), arrow::field("s", arrow::utf8())});
  const auto batch = RandomBatch(schema, {.rows = 500});
  for (const EnvCall call : {EnvCall::kCreate, EnvCall::kWrite, EnvCall::kClose}) {
    bool struck = true;
    for (int index = 0; struck; ++index) {
      TemporaryDirectory root;
      auto env = FaultEnv::Make(RealEnv());
      env->FailCall(call, index, ErrorKind::kDiskFull);
      const Status status = WriteBatches(*env, root / "a", *schema, {batch, batch}, {.row_group_rows = 300});
      struck = env->faults() > 0;
      EXPECT_EQ(status.ok(), !struck);
      if (struck) {
        EXPECT_EQ(KindOf(status), ErrorKind::kDiskFull) << status;
        EXPECT_NE(status.message().find(root / "a"), std::string::npos) << status;
      }
      EXPECT_EQ(env->open_files(), 0);
      ASSERT_LT(index, 200);
    }
  }
}

TEST(ParquetWriter, HoldsNoMoreThanItsEstimate) {
  TemporaryDirectory root;
  arrow::FieldVector fields;
  for (int column = 0; column < 6; ++column) fields.push_back(arrow::field("c" + std::to_string(column), column % 2 == 0 ? arrow::int64() : arrow::float32()));
  const auto schema = arrow::schema(fields);
  for (const int64_t rows : {100, 10'000, 140'000, 200'000}) {  // at 131,072 values the table of numbers is at its largest
    auto pools = MakePools(1 << 30);
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    for (int64_t done = 0; done < rows; done += 10'000) {
      batches.push_back(RandomBatch(schema, {.rows = std::min<int64_t>(10'000, rows), .null_share = 0, .seed = static_cast<uint64_t>(done + 1)}));
    }
    ASSERT_TRUE(WriteBatches(*RealEnv(), root / std::to_string(rows), *schema, batches, {}, pools.pool).ok());
    EXPECT_LE(pools.budget->peak_bytes(), ParquetWriteFormat({}).EncodeBytes(*schema, rows, 10'000)) << rows;
    EXPECT_EQ(pools.budget->used_bytes(), 0);
  }
}

}  // namespace
}  // namespace millstream
