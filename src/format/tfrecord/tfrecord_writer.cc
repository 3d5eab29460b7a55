#include "format/tfrecord/tfrecord_writer.h"

#include <arrow/array/array_binary.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/util.h>
#include <arrow/util/checked_cast.h>
#include <arrow/util/float16.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include "column/gather.h"
#include "format/file_sink.h"
#include "format/library_writer.h"
#include "format/message_fields.h"
#include "format/tensor_rows.h"
#include "format/tfrecord/crc32c.h"
#include "format/tfrecord/tf_example.h"

namespace millstream {
namespace {

using arrow::Type;
using arrow::internal::checked_cast;

constexpr size_t kBufferBytes = 1 << 20;

template <typename Number>
void AppendLittle(Number value, std::string* out) {
  static_assert(std::endian::native == std::endian::little);
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

FeatureKind KindOfValues(const arrow::DataType& type) {
  if (arrow::is_base_binary_like(type.id()) || arrow::is_binary_view_like(type.id()) || type.id() == Type::FIXED_SIZE_BINARY) return FeatureKind::kBytes;
  if (arrow::is_floating(type.id())) return FeatureKind::kFloat;
  return arrow::is_integer(type.id()) || type.id() == Type::BOOL ? FeatureKind::kInt : FeatureKind::kNone;
}

std::shared_ptr<arrow::DataType> ValuesOf(const arrow::DataType& type) {
  if (auto numbers = TensorRows::ValueType(type)) return numbers;
  auto values = StorageType(type.GetSharedPtr());
  if (values->id() == Type::LIST || values->id() == Type::LARGE_LIST || values->id() == Type::FIXED_SIZE_LIST) values = values->field(0)->type();
  return values;
}

/// The values of any row of a column, one after the other.
class FeatureColumn {
 public:
  static Result<FeatureColumn> Make(const std::shared_ptr<arrow::Array>& column, arrow::MemoryPool* pool) {
    FeatureColumn feature;
    feature.column_ = column;
    if (TensorRows::ValueType(*column->type()) != nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto rows, TensorRows::Make(column));
      feature.values_ = arrow::MakeArray(rows.values().data());
      feature.tensors_ = std::move(rows);
    } else {
      ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(column->data(), pool));
      feature.column_ = arrow::MakeArray(std::move(stored));
      feature.values_ = feature.column_;
      if (column->type_id() == Type::LIST) feature.values_ = checked_cast<const arrow::ListArray&>(*feature.column_).values();
      if (column->type_id() == Type::LARGE_LIST) feature.values_ = checked_cast<const arrow::LargeListArray&>(*feature.column_).values();
      if (column->type_id() == Type::FIXED_SIZE_LIST) feature.values_ = checked_cast<const arrow::FixedSizeListArray&>(*feature.column_).values();
    }
    feature.kind_ = KindOfValues(*feature.values_->type());
    return feature;
  }

  bool IsNull(int64_t row) const { return column_->IsNull(row); }
  FeatureKind kind() const { return kind_; }
  std::pair<int64_t, int64_t> Range(int64_t row) const {
    if (tensors_) {
      int64_t count = 1;
      for (const int64_t length : tensors_->shape(row)) count *= length;
      return {tensors_->begin(row), count};
    }
    switch (column_->type_id()) {
      case Type::LIST: return RangeOf<arrow::ListArray>(row);
      case Type::LARGE_LIST: return RangeOf<arrow::LargeListArray>(row);
      case Type::FIXED_SIZE_LIST: return RangeOf<arrow::FixedSizeListArray>(row);
      default: return {row, 1};
    }
  }
  const arrow::Array& values() const { return *values_; }

 private:
  template <typename ArrayType>
  std::pair<int64_t, int64_t> RangeOf(int64_t row) const {
    const auto& lists = checked_cast<const ArrayType&>(*column_);
    return {lists.value_offset(row), lists.value_length(row)};
  }
  std::shared_ptr<arrow::Array> column_;
  std::shared_ptr<arrow::Array> values_;
  std::optional<TensorRows> tensors_;
  FeatureKind kind_ = FeatureKind::kNone;
};

Result<int64_t> IntAt(const arrow::Array& values, int64_t at) {
  switch (values.type_id()) {
    case Type::BOOL: return checked_cast<const arrow::BooleanArray&>(values).Value(at);
    case Type::INT8: return checked_cast<const arrow::Int8Array&>(values).Value(at);
    case Type::INT16: return checked_cast<const arrow::Int16Array&>(values).Value(at);
    case Type::INT32: return checked_cast<const arrow::Int32Array&>(values).Value(at);
    case Type::UINT8: return checked_cast<const arrow::UInt8Array&>(values).Value(at);
    case Type::UINT16: return checked_cast<const arrow::UInt16Array&>(values).Value(at);
    case Type::UINT32: return checked_cast<const arrow::UInt32Array&>(values).Value(at);
    case Type::INT64: return checked_cast<const arrow::Int64Array&>(values).Value(at);
    default: break;
  }
  const uint64_t value = checked_cast<const arrow::UInt64Array&>(values).Value(at);
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(value);
  return MakeError(ErrorKind::kInvalidArgument, "the number " + std::to_string(value) + " does not fit in 64 bits with a sign");
}

float FloatAt(const arrow::Array& values, int64_t at) {
  if (values.type_id() == Type::DOUBLE) return static_cast<float>(checked_cast<const arrow::DoubleArray&>(values).Value(at));
  if (values.type_id() == Type::FLOAT) return checked_cast<const arrow::FloatArray&>(values).Value(at);
  return arrow::util::Float16::FromBits(checked_cast<const arrow::HalfFloatArray&>(values).Value(at)).ToFloat();
}

std::string_view BytesAt(const arrow::Array& values, int64_t at) {
  switch (values.type_id()) {
    case Type::STRING:
    case Type::BINARY: return checked_cast<const arrow::BinaryArray&>(values).GetView(at);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return checked_cast<const arrow::LargeBinaryArray&>(values).GetView(at);
    case Type::FIXED_SIZE_BINARY: return checked_cast<const arrow::FixedSizeBinaryArray&>(values).GetView(at);
    default: return checked_cast<const arrow::BinaryViewArray&>(values).GetView(at);
  }
}

/// The messages of one row, kept so that their memory is used again.
class ExampleText {
 public:
  /// The column's feature with its name, as an entry of the map of features.
  Status AddFeature(const std::string& name, const FeatureColumn& column, int64_t row) {
    list_.clear();
    if (!column.IsNull(row)) ARROW_RETURN_NOT_OK(AppendList(column, row));
    entry_.clear();
    AppendBytesField(1, name, &entry_);
    AppendBytesField(2, list_, &entry_);
    AppendBytesField(1, entry_, &features_);
    return Status::OK();
  }
  /// The record, until the next call of any kind.
  std::string_view Finish() {
    example_.clear();
    AppendBytesField(1, features_, &example_);
    features_.clear();
    return example_;
  }

 private:
  Status AppendList(const FeatureColumn& column, int64_t row) {
    const auto [begin, count] = column.Range(row);
    values_.clear();
    for (int64_t at = begin; at < begin + count; ++at) {
      if (column.values().IsNull(at)) return MakeError(ErrorKind::kInvalidArgument, "a list has a null in it, which examples have no value for");
      ARROW_RETURN_NOT_OK(AppendValue(column, at));
    }
    // Numbers follow one another, as one field of the list; bytes are a field each.
    packed_.clear();
    if (column.kind() != FeatureKind::kBytes && !values_.empty()) AppendBytesField(1, values_, &packed_);
    AppendBytesField(static_cast<int>(column.kind()), column.kind() == FeatureKind::kBytes ? values_ : packed_, &list_);
    return Status::OK();
  }
  Status AppendValue(const FeatureColumn& column, int64_t at) {
    switch (column.kind()) {
      case FeatureKind::kBytes: AppendBytesField(1, BytesAt(column.values(), at), &values_); return Status::OK();
      case FeatureKind::kFloat: AppendLittle(FloatAt(column.values(), at), &values_); return Status::OK();
      default: break;
    }
    ARROW_ASSIGN_OR_RAISE(const int64_t value, IntAt(column.values(), at));
    AppendVarint(static_cast<uint64_t>(value), &values_);
    return Status::OK();
  }

  std::string values_, packed_, list_, entry_, features_, example_;
};

// The number of a list's field in a feature is that of its kind.
static_assert(static_cast<int>(FeatureKind::kBytes) == 1 && static_cast<int>(FeatureKind::kFloat) == 2 && static_cast<int>(FeatureKind::kInt) == 3);

class TfRecordWriter final : public FileWriter {
 public:
  TfRecordWriter(std::unique_ptr<FileSink> sink, std::shared_ptr<BudgetPool> pool, Reservation reserved)
      : pool_(std::move(pool)), reserved_(std::move(reserved)), sink_(std::move(sink)) {}

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    std::vector<FeatureColumn> columns;
    for (const auto& column : batch->columns()) {
      ARROW_ASSIGN_OR_RAISE(auto feature, FeatureColumn::Make(column, pool_.get()));
      columns.push_back(std::move(feature));
    }
    for (int64_t row = 0; row < batch->num_rows(); ++row, ++rows_) {
      for (size_t column = 0; column < columns.size(); ++column) {
        const std::string& name = batch->schema()->field(static_cast<int>(column))->name();
        const Status status = example_.AddFeature(name, columns[column], row);
        ARROW_RETURN_NOT_OK(sink_->InFile(WithContext(status, "row " + std::to_string(rows_) + " of the file, column '" + name + "'")));
      }
      ARROW_RETURN_NOT_OK(AppendRecord(example_.Finish()));
    }
    return Status::OK();
  }

  Result<WrittenRows> Close() override {
    ARROW_RETURN_NOT_OK(sink_->Flush(&buffer_));
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Close());
    return WrittenRows{rows_, bytes};
  }

 private:
  Status AppendRecord(std::string_view record) {
    const size_t begin = buffer_.size();
    AppendLittle(static_cast<uint64_t>(record.size()), &buffer_);
    AppendLittle(MaskedCrc32c(std::string_view(buffer_).substr(begin)), &buffer_);
    buffer_.append(record);
    AppendLittle(MaskedCrc32c(record), &buffer_);
    return buffer_.size() >= kBufferBytes ? sink_->Flush(&buffer_) : Status::OK();
  }

  const std::shared_ptr<BudgetPool> pool_;
  const Reservation reserved_;
  const std::unique_ptr<FileSink> sink_;
  ExampleText example_;
  std::string buffer_;
  int64_t rows_ = 0;
};

}  // namespace

Status TfRecordWriteFormat::Check(const arrow::Schema& schema) const {
  ARROW_RETURN_NOT_OK(CheckHasColumns(schema, "TFRecords"));
  for (const auto& field : schema.fields()) {
    if (KindOfValues(*ValuesOf(*field->type())) == FeatureKind::kNone) return NoForm(*field, "TFRecords");
  }
  return Status::OK();
}

int64_t TfRecordWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return 4 * static_cast<int64_t>(kBufferBytes); }

Result<std::unique_ptr<FileWriter>> TfRecordWriteFormat::Open(Env& env, const FileToWrite& file) const {
  ARROW_ASSIGN_OR_RAISE(auto reserved, Reservation::Take(file.pool->ledger(), 2 * static_cast<int64_t>(kBufferBytes)));
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Create(env, file.path, compression_, file.pool.get()));
  return std::make_unique<TfRecordWriter>(std::move(sink), file.pool, std::move(reserved));
}

}  // namespace millstream
