#include "format/parquet/row_group_columns.h"

#include <arrow/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/size_statistics.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "format/parquet/flat_column.h"
#include "format/parquet/parquet_guard.h"

namespace millstream {
namespace {

/// Column chunks above this are read through a small window rather than at once.
constexpr int64_t kWholeChunkBytesMax = 8 << 20;
constexpr int64_t kStreamBufferBytes = 1 << 20;
/// The window of a column that is read beside others.
constexpr int64_t kSideBySideBufferBytes = 64 << 10;
/// A page and a dictionary as writers make them by default (1 MiB each), decompressed, and decoding tables.
constexpr int64_t kPageBytesGuess = 4 << 20;
/// A page or a dictionary alone.
constexpr int64_t kOnePageBytesGuess = 1 << 20;

/// True where the decoded Parquet values are the Arrow values, bit for bit.
bool SameRepresentation(const arrow::DataType& type, parquet::Type::type physical) {
  using arrow::Type;
  switch (type.id()) {
    case Type::INT64:
    case Type::UINT64:
    case Type::TIME64:
    case Type::DURATION:
      return physical == parquet::Type::INT64;
    case Type::TIMESTAMP:
      return physical == parquet::Type::INT64;
    case Type::INT32:
    case Type::UINT32:
    case Type::DATE32:
    case Type::TIME32:
      return physical == parquet::Type::INT32;
    case Type::FLOAT:
      return physical == parquet::Type::FLOAT;
    case Type::DOUBLE:
      return physical == parquet::Type::DOUBLE;
    default:
      return false;
  }
}

/// The unit in which a Parquet column stores times; a different one in the Arrow schema needs a conversion.
bool SameUnit(const arrow::DataType& type, const parquet::ColumnDescriptor& column) {
  const auto& logical = column.logical_type();
  auto unit_is = [&](arrow::TimeUnit::type unit, auto stored) {
    using Unit = parquet::LogicalType::TimeUnit;
    return (unit == arrow::TimeUnit::MILLI && stored == Unit::MILLIS) || (unit == arrow::TimeUnit::MICRO && stored == Unit::MICROS) ||
           (unit == arrow::TimeUnit::NANO && stored == Unit::NANOS);
  };
  if (type.id() == arrow::Type::TIMESTAMP) {
    return logical != nullptr && logical->is_timestamp() &&
           unit_is(static_cast<const arrow::TimestampType&>(type).unit(),
                   static_cast<const parquet::TimestampLogicalType&>(*logical).time_unit());
  }
  if (type.id() == arrow::Type::TIME32 || type.id() == arrow::Type::TIME64) {
    return logical != nullptr && logical->is_time() &&
           unit_is(static_cast<const arrow::TimeType&>(type).unit(), static_cast<const parquet::TimeLogicalType&>(*logical).time_unit());
  }
  return true;
}

int64_t LargestChunkBytes(const parquet::RowGroupMetaData& group) {
  int64_t largest = 0;
  for (int column = 0; column < group.num_columns(); ++column) largest = std::max(largest, group.ColumnChunk(column)->total_compressed_size());
  return largest;
}

bool ReadsThroughWindow(const parquet::RowGroupMetaData& group) { return LargestChunkBytes(group) > kWholeChunkBytesMax; }

/// What a footer claims, within what can be: a damaged one must not make plans of nonsense.
int64_t Capped(int64_t claimed, int64_t most) { return std::clamp<int64_t>(claimed, 0, most); }
constexpr int64_t kChunkBytesMax = int64_t{1} << 40;
constexpr int64_t kRowBytesMax = 16 << 20;

/// Where the strings of a dictionary begin, as the library keeps it: 16 bytes for each, and 4 more.
int64_t DictionaryIndexBytes(const parquet::ColumnChunkMetaData& chunk) {
  if (chunk.type() != parquet::Type::BYTE_ARRAY || !chunk.has_dictionary_page()) return 0;
  const int64_t value_bytes = 4 + Capped(chunk.total_uncompressed_size(), kChunkBytesMax) / std::max<int64_t>(chunk.num_values(), 1);
  return Capped(chunk.num_values(), kOnePageBytesGuess / value_bytes) * 20;
}

/// The stored chunk or its window and a page of it, a page and a dictionary as they are kept, and a page that is being taken in.
int64_t ChunkDecodeBytes(const parquet::ColumnChunkMetaData& chunk, int64_t buffer_bytes) {
  const int64_t stored = Capped(chunk.total_compressed_size(), buffer_bytes == INT64_MAX ? kWholeChunkBytesMax : buffer_bytes + kOnePageBytesGuess);
  return stored + Capped(chunk.total_uncompressed_size(), kPageBytesGuess) + Capped(chunk.total_uncompressed_size(), kOnePageBytesGuess) +
         DictionaryIndexBytes(chunk);
}

/// As large as the values are once they are decoded, which may be much more than the encoded size: a dictionary's codes take bits.
int64_t DecodedBytes(const parquet::ColumnDescriptor& column, const parquet::ColumnChunkMetaData& chunk, int64_t rows) {
  const bool repeated = column.max_repetition_level() > 0;
  const int64_t values = repeated ? Capped(chunk.num_values(), kChunkBytesMax) : rows;
  const int64_t offsets = repeated ? 4 * values : 0;
  switch (column.physical_type()) {
    case parquet::Type::BOOLEAN:
      return values / 4 + offsets;
    case parquet::Type::INT32:
    case parquet::Type::FLOAT:
      return values * 4 + values / 8 + offsets;
    case parquet::Type::INT64:
    case parquet::Type::DOUBLE:
    case parquet::Type::INT96:
      return values * 8 + values / 8 + offsets;
    case parquet::Type::FIXED_LEN_BYTE_ARRAY:
      return values * column.type_length() + values / 8 + offsets;
    default:
      break;
  }
  const auto sizes = chunk.size_statistics();
  const int64_t bytes = sizes == nullptr ? 0 : sizes->unencoded_byte_array_data_bytes.value_or(0);
  return Capped(std::max(bytes, chunk.total_uncompressed_size()), kChunkBytesMax) + values * 4 + values / 8 + offsets;
}

/// Adds to errors where the rows come from. `find_fault` reads the columns one by one, for of those that it reads together the library does
/// not say which was at fault; it is asked only then.
class NamedReader : public arrow::RecordBatchReader {
 public:
  NamedReader(std::unique_ptr<arrow::RecordBatchReader> reader, std::string where, std::function<Status()> find_fault)
      : reader_(std::move(reader)), where_(std::move(where)), find_fault_(std::move(find_fault)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    const Status status = GuardParquet([&] { return reader_->ReadNext(out); });
    if (status.ok()) return status;
    const Status error = DecodeError(status, where_);
    if (KindOf(error) != ErrorKind::kCorruptData || !find_fault_) return error;
    const Status found = find_fault_();
    return !found.ok() && KindOf(found) == ErrorKind::kCorruptData ? found : error;
  }

 private:
  std::unique_ptr<arrow::RecordBatchReader> reader_;
  std::string where_;
  std::function<Status()> find_fault_;
};

/// Where the column is in its file, which has so many bytes.
ByteRange BytesOf(const parquet::ColumnChunkMetaData& chunk, int64_t file_bytes) {
  int64_t begin = chunk.data_page_offset();
  if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0) begin = std::min(begin, chunk.dictionary_page_offset());
  begin = Capped(begin, file_bytes);
  return {begin, begin + Capped(chunk.total_compressed_size(), file_bytes - begin)};
}

/// Nothing is promised: footers may claim anything.
void TellReads(Env& env, const RowGroupToCome& group, const std::vector<std::string>& names) {
  const Status told = GuardParquet([&] {
    const auto columns = group.metadata->RowGroup(group.row_group);
    const auto* root = columns->schema()->group_node();
    std::vector<std::vector<ByteRange>> of_fields(static_cast<size_t>(root->field_count()));
    for (int leaf = 0; leaf < columns->num_columns(); ++leaf) {
      of_fields[static_cast<size_t>(root->FieldIndex(*columns->schema()->GetColumnRoot(leaf)))].push_back(BytesOf(*columns->ColumnChunk(leaf), group.file_bytes));
    }
    std::vector<ByteRange> ranges;
    for (const std::string& name : names) {
      const int field = root->FieldIndex(name);
      if (field >= 0) ranges.insert(ranges.end(), of_fields[static_cast<size_t>(field)].begin(), of_fields[static_cast<size_t>(field)].end());
    }
    env.WillRead(group.path, ranges);
    return Status::OK();
  });
  (void)told;
}

class RowGroupColumns : public ScanColumns {
 public:
  Status Init(const ParquetSource& source, int row_group, arrow::MemoryPool* pool) {
    source_ = source;
    row_group_ = row_group;
    pool_ = pool;
    parquet::ReaderProperties properties(pool);
    properties.set_page_checksum_verification(true);
    if (buffer_bytes_ == 0) buffer_bytes_ = ReadsThroughWindow(*source.metadata->RowGroup(row_group)) ? kStreamBufferBytes : kNoBuffer;
    if (buffer_bytes_ != kNoBuffer) {
      properties.enable_buffered_stream();
      properties.set_buffer_size(buffer_bytes_);
    }
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    auto reader = parquet::ParquetFileReader::Open(source.file, properties, source.metadata);
    ARROW_ASSIGN_OR_RAISE(reader_, parquet::arrow::FileReader::Make(pool, std::move(reader), arrow_properties));
    ARROW_RETURN_NOT_OK(reader_->GetSchema(&schema_));
    group_ = reader_->parquet_reader()->RowGroup(row_group);
    return Status::OK();
  }

  Status ReadSideBySide() override {
    buffer_bytes_ = kSideBySideBufferBytes;
    return GuardParquet([&] { return Init(ParquetSource(source_), row_group_, pool_); });
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  int64_t num_rows() const override { return group_->metadata()->num_rows(); }

  int FlatWidth(int field) const override {
    const auto& entry = reader_->manifest().schema_fields[field];
    if (!entry.is_leaf()) return 0;
    const auto* column = source_.metadata->schema()->Column(entry.column_index);
    if (column->max_repetition_level() > 0 || column->max_definition_level() > 1) return 0;
    const auto& type = *schema_->field(field)->type();
    if (!SameRepresentation(type, column->physical_type()) || !SameUnit(type, *column)) return 0;
    return arrow::internal::checked_cast<const arrow::FixedWidthType&>(type).byte_width();
  }

  int64_t DecodeBytes(int field) const override {
    std::vector<int> leaves;
    CollectLeaves(reader_->manifest().schema_fields[field], &leaves);
    const auto group = source_.metadata->RowGroup(row_group_);
    int64_t bytes = 0;
    for (int leaf : leaves) bytes += ChunkDecodeBytes(*group->ColumnChunk(leaf), buffer_bytes_);
    return bytes;
  }

  void WillRead(const std::vector<int>& fields) override {
    if (source_.env == nullptr) return;
    std::vector<std::string> names;
    for (const int field : fields) names.push_back(schema_->field(field)->name());
    TellReads(*source_.env, {source_.path, source_.metadata, row_group_, source_.file_bytes}, names);
    for (const RowGroupToCome& group : source_.to_come) TellReads(*source_.env, group, names);
  }

  int64_t RowBytes(int field) const override {
    std::vector<int> leaves;
    CollectLeaves(reader_->manifest().schema_fields[field], &leaves);
    const auto group = source_.metadata->RowGroup(row_group_);
    int64_t bytes = 0;
    for (int leaf : leaves) bytes += DecodedBytes(*source_.metadata->schema()->Column(leaf), *group->ColumnChunk(leaf), num_rows());
    return Capped(bytes / std::max<int64_t>(num_rows(), 1) + 1, kRowBytesMax);
  }

  int64_t SourceBytes(int field) const override {
    std::vector<int> leaves;
    CollectLeaves(reader_->manifest().schema_fields[field], &leaves);
    int64_t bytes = 0;
    for (int leaf : leaves) bytes += std::max<int64_t>(group_->metadata()->ColumnChunk(leaf)->total_compressed_size(), 0);
    return bytes;
  }

  bool MayHaveNulls(int field) const override {
    if (!schema_->field(field)->nullable()) return false;
    const auto statistics = StatisticsOf(field);
    return statistics == nullptr || !statistics->HasNullCount() || statistics->null_count() > 0;
  }

  std::optional<ValueRange> RangeOf(int field) const override {
    const auto statistics = StatisticsOf(field);
    if (statistics == nullptr || !statistics->HasMinMax()) return std::nullopt;
    ValueRange range{0, -1};
    if (statistics->physical_type() == parquet::Type::INT64) {
      const auto& typed = static_cast<const parquet::Int64Statistics&>(*statistics);
      range = {typed.min(), typed.max()};
    } else if (statistics->physical_type() == parquet::Type::INT32) {
      const auto& typed = static_cast<const parquet::Int32Statistics&>(*statistics);
      range = {typed.min(), typed.max()};
    }
    // Unsigned values keep another order, in which the bounds may be the wrong way round when read as signed ones.
    if (range.min > range.max) return std::nullopt;
    return range;
  }

  Result<std::unique_ptr<FlatColumnReader>> ReadFlat(int field) override { return OpenColumn(field, OpenFlatColumn); }
  Result<std::unique_ptr<KeptRowsReader>> ReadKept(int field) override { return OpenColumn(field, OpenKeptRows); }

  Result<std::unique_ptr<arrow::RecordBatchReader>> ReadArrays(const std::vector<int>& fields, int64_t batch_rows) override {
    std::vector<int> leaves;
    for (int field : fields) CollectLeaves(reader_->manifest().schema_fields[field], &leaves);
    reader_->set_batch_size(batch_rows);
    auto opened = GuardParquet([&]() -> Result<std::unique_ptr<arrow::RecordBatchReader>> {
      return reader_->GetRecordBatchReader({row_group_}, leaves);
    });
    std::string where = Place();
    for (size_t i = 0; i < fields.size(); ++i) where += (i == 0 ? ", column " : ", ") + schema_->field(fields[i])->name();
    if (!opened.ok()) return DecodeError(opened.status(), where);
    std::function<Status()> find_fault;
    if (fields.size() > 1) find_fault = [this, fields, batch_rows] { return ReadOneByOne(fields, batch_rows); };
    return std::make_unique<NamedReader>(std::move(*opened), std::move(where), std::move(find_fault));
  }

  std::string SourceName() const override { return source_.path; }
  std::string Where(int field) const override { return Place() + ", column " + schema_->field(field)->name(); }

 private:
  template <typename Reader>
  Result<std::unique_ptr<Reader>> OpenColumn(int field, std::unique_ptr<Reader> (*open)(parquet::RowGroupReader*, int, arrow::MemoryPool*, std::string)) {
    const int leaf = reader_->manifest().schema_fields[field].column_index;
    auto opened = GuardParquet([&]() -> Result<std::unique_ptr<Reader>> { return open(group_.get(), leaf, pool_, Where(field)); });
    if (!opened.ok()) return DecodeError(opened.status(), Where(field));
    return opened;
  }

  /// Of a flat field; null where there are none, or they are damaged.
  std::shared_ptr<parquet::Statistics> StatisticsOf(int field) const {
    const auto chunk = group_->metadata()->ColumnChunk(reader_->manifest().schema_fields[field].column_index);
    const auto statistics = GuardParquet([&]() -> Result<std::shared_ptr<parquet::Statistics>> { return chunk->statistics(); });
    return statistics.ok() ? *statistics : nullptr;
  }

  static void CollectLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
    if (field.is_leaf()) leaves->push_back(field.column_index);
    for (const auto& child : field.children) CollectLeaves(child, leaves);
  }

  /// The error of the first column that does not decode.
  Status ReadOneByOne(const std::vector<int>& fields, int64_t batch_rows) {
    for (int field : fields) {
      ARROW_ASSIGN_OR_RAISE(const auto reader, ReadArrays({field}, batch_rows));
      std::shared_ptr<arrow::RecordBatch> batch;
      do {
        ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      } while (batch != nullptr);
    }
    return Status::OK();
  }

  std::string Place() const { return "file " + source_.path + ", row group " + std::to_string(row_group_); }

  ParquetSource source_;
  int row_group_ = 0;
  static constexpr int64_t kNoBuffer = INT64_MAX;  // chunks are read at once
  int64_t buffer_bytes_ = 0;
  arrow::MemoryPool* pool_ = nullptr;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<parquet::RowGroupReader> group_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

std::vector<ColumnSizes> SizesOf(const parquet::RowGroupMetaData& group) {
  const int64_t buffer_bytes = ReadsThroughWindow(group) ? kStreamBufferBytes : INT64_MAX;
  const int64_t rows = std::max<int64_t>(group.num_rows(), 1);
  const auto* root = group.schema()->group_node();
  std::vector<ColumnSizes> fields(static_cast<size_t>(root->field_count()));
  for (int leaf = 0; leaf < group.num_columns(); ++leaf) {  // all leaves of a field are open together
    const auto chunk = group.ColumnChunk(leaf);
    ColumnSizes& field = fields[root->FieldIndex(*group.schema()->GetColumnRoot(leaf))];
    field.decode_bytes += ChunkDecodeBytes(*chunk, buffer_bytes);
    field.side_by_side_bytes += kSideBySideBufferBytes + Capped(chunk->total_uncompressed_size(), 2 * kOnePageBytesGuess) + DictionaryIndexBytes(*chunk);
    field.page_bytes += Capped(chunk->total_compressed_size(), kOnePageBytesGuess) + Capped(chunk->total_uncompressed_size(), kOnePageBytesGuess);
    field.row_bytes = Capped(field.row_bytes + DecodedBytes(*group.schema()->Column(leaf), *chunk, rows) / rows + 1, kRowBytesMax);
  }
  return fields;
}

Result<std::unique_ptr<ScanColumns>> OpenRowGroup(const ParquetSource& source, int row_group, arrow::MemoryPool* pool) {
  auto columns = std::make_unique<RowGroupColumns>();
  const Status opened = GuardParquet([&] { return columns->Init(source, row_group, pool); });
  ARROW_RETURN_NOT_OK(WithContext(opened, "file " + source.path + ", row group " + std::to_string(row_group)));
  return columns;
}

}  // namespace millstream
