#include "format/numpy/npy_writer.h"

#include <arrow/array/array_primitive.h>
#include <arrow/util/checked_cast.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "format/file_sink.h"
#include "format/tensor_rows.h"

namespace millstream {
namespace {

using arrow::Type;
using arrow::internal::checked_cast;

constexpr int64_t kBufferBytes = 1 << 20;

const char* DescriptorOf(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::BOOL: return "|b1";
    case Type::INT8: return "|i1";
    case Type::UINT8: return "|u1";
    case Type::INT16: return "<i2";
    case Type::UINT16: return "<u2";
    case Type::INT32: return "<i4";
    case Type::UINT32: return "<u4";
    case Type::INT64: return "<i8";
    case Type::UINT64: return "<u8";
    case Type::HALF_FLOAT: return "<f2";
    case Type::FLOAT: return "<f4";
    default: return "<f8";
  }
}

std::string Header(const arrow::DataType& type, const std::vector<int64_t>& shape) {
  std::string text = std::string("{'descr': '") + DescriptorOf(type) + "', 'fortran_order': False, 'shape': (";
  for (const int64_t length : shape) text += std::to_string(length) + ", ";
  text += "), }";
  constexpr size_t kPrefixBytes = 10;
  constexpr size_t kAlignment = 64;
  text.append(kAlignment - 1 - (kPrefixBytes + text.size()) % kAlignment, ' ');
  text += '\n';
  const auto length = static_cast<uint16_t>(text.size());
  const char prefix[kPrefixBytes] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<char>(length & 255), static_cast<char>(length >> 8)};
  return std::string(prefix, kPrefixBytes) + text;
}

std::string Header(const arrow::DataType& type, int64_t rows, const std::vector<int64_t>& row_shape) {
  std::vector<int64_t> shape = {rows};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  return Header(type, shape);
}

void AppendValues(const arrow::Array& values, int64_t begin, int64_t count, std::string* out) {
  if (values.type_id() == Type::BOOL) {
    const auto& bools = checked_cast<const arrow::BooleanArray&>(values);
    for (int64_t value = begin; value < begin + count; ++value) out->push_back(static_cast<char>(bools.Value(value)));
    return;
  }
  const int64_t width = values.type()->bit_width() / 8;
  if (count > 0) out->append(values.data()->buffers[1]->data_as<char>() + (values.offset() + begin) * width, static_cast<size_t>(count * width));
}

std::string TextOf(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t length : shape) text += (text.empty() ? "" : ", ") + std::to_string(length);
  return "(" + text + ")";
}

class NpyWriter final : public FileWriter {
 public:
  NpyWriter(Env& env, std::string column, std::shared_ptr<arrow::DataType> type, const FileToWrite& file, Reservation reserved, std::unique_ptr<FileSink> sink)
      : env_(env), column_(std::move(column)), type_(std::move(type)), rows_promised_(file.rows), path_(file.path), pool_(file.pool), reserved_(std::move(reserved)), sink_(std::move(sink)) {}

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    const Status status = WriteColumn(batch->GetColumnByName(column_));
    return sink_->InFile(WithContext(status, "column '" + column_ + "'"));
  }

  Result<WrittenRows> Close() override {
    if (!row_shape_) {
      row_shape_.emplace();
      ARROW_RETURN_NOT_OK(sink_->Write(Header(*type_, 0, *row_shape_)));
    }
    ARROW_RETURN_NOT_OK(Flush());
    ARROW_ASSIGN_OR_RAISE(int64_t bytes, sink_->Close());
    if (rows_ != rows_promised_ && rows_ > 0) ARROW_RETURN_NOT_OK(WithContext(TellRows(&bytes), "file " + path_));
    return WrittenRows{rows_, bytes};
  }

 private:
  Status WriteColumn(const std::shared_ptr<arrow::Array>& column) {
    ARROW_ASSIGN_OR_RAISE(const auto rows, TensorRows::Make(column));
    const bool nulls_in_values = rows.values().null_count() > 0;
    for (int64_t row = 0; row < column->length(); ++row, ++rows_) {
      const bool is_null = rows.IsNull(row);
      const auto shape = is_null && row_shape_ ? *row_shape_ : rows.shape(row);
      if (!row_shape_) {
        row_shape_ = shape;
        ARROW_RETURN_NOT_OK(sink_->Write(Header(*type_, rows_promised_, shape)));
      }
      if (shape != *row_shape_) {
        return Refusal("has the shape " + TextOf(shape) + " where those before it in the file have " + TextOf(*row_shape_) + "; an array has rows of one shape");
      }
      int64_t values = 1;
      for (const int64_t length : shape) values *= length;
      if (is_null || nulls_in_values) {
        ARROW_RETURN_NOT_OK(AppendOneByOne(rows, rows.begin(row), values, is_null));
      } else {
        ARROW_RETURN_NOT_OK(AppendValues(rows.values(), rows.begin(row), values));
      }
    }
    return Status::OK();
  }

  Status Refusal(const std::string& what) const {
    return MakeError(ErrorKind::kInvalidArgument, "row " + std::to_string(rows_) + " of the file " + what);
  }

  Status AppendOneByOne(const TensorRows& rows, int64_t begin, int64_t count, bool all_null) {
    for (int64_t value = begin; value < begin + count; ++value) {
      if (!all_null && rows.values().IsValid(value)) {
        ARROW_RETURN_NOT_OK(AppendValues(rows.values(), value, 1));
      } else if (type_->id() == Type::DOUBLE) {
        ARROW_RETURN_NOT_OK(AppendNumber(std::numeric_limits<double>::quiet_NaN()));
      } else if (type_->id() == Type::FLOAT) {
        ARROW_RETURN_NOT_OK(AppendNumber(std::numeric_limits<float>::quiet_NaN()));
      } else if (type_->id() == Type::HALF_FLOAT) {
        ARROW_RETURN_NOT_OK(AppendNumber(kHalfNan));
      } else {
        return Refusal("has a null, which arrays of " + type_->ToString() + " have no value for; fill or drop nulls before writing");
      }
    }
    return Status::OK();
  }

  template <typename Number>
  Status AppendNumber(Number value) { return Append(reinterpret_cast<const char*>(&value), sizeof(value)); }

  Status AppendValues(const arrow::Array& values, int64_t begin, int64_t count) {
    millstream::AppendValues(values, begin, count, &buffer_);
    return buffer_.size() >= kBufferBytes ? Flush() : Status::OK();
  }

  Status Append(const char* bytes, size_t count) {
    buffer_.append(bytes, count);
    return buffer_.size() >= kBufferBytes ? Flush() : Status::OK();
  }
  Status Flush() {
    ARROW_RETURN_NOT_OK(sink_->stream()->Write(buffer_.data(), static_cast<int64_t>(buffer_.size())));
    buffer_.clear();
    return Status::OK();
  }

  /// The header has promised more rows than came: the file is written again behind one that is right.
  Status TellRows(int64_t* bytes) {
    const std::string copy = path_ + ".rows";
    const int64_t old_begin = static_cast<int64_t>(Header(*type_, rows_promised_, *row_shape_).size());
    ARROW_ASSIGN_OR_RAISE(auto in, env_.OpenForRead(path_));
    ARROW_ASSIGN_OR_RAISE(auto out, FileSink::Create(env_, copy, arrow::Compression::UNCOMPRESSED, pool_.get()));
    ARROW_RETURN_NOT_OK(out->Write(Header(*type_, rows_, *row_shape_)));
    for (int64_t at = old_begin; at < *bytes;) {
      ARROW_ASSIGN_OR_RAISE(const auto piece, in->ReadAt(at, std::min(kBufferBytes, *bytes - at)));
      if (piece->size() == 0) return MakeError(ErrorKind::kIo, "it became shorter while it was written");
      ARROW_RETURN_NOT_OK(out->stream()->Write(piece));
      at += piece->size();
    }
    ARROW_RETURN_NOT_OK(in->Close());
    ARROW_ASSIGN_OR_RAISE(*bytes, out->Close());
    return env_.Rename(copy, path_);
  }

  static constexpr uint16_t kHalfNan = 0x7e00;
  Env& env_;
  const std::string column_;
  const std::shared_ptr<arrow::DataType> type_;  // of values
  const int64_t rows_promised_;
  const std::string path_;
  const std::shared_ptr<BudgetPool> pool_;
  const Reservation reserved_;
  const std::unique_ptr<FileSink> sink_;
  std::string buffer_;
  std::optional<std::vector<int64_t>> row_shape_;
  int64_t rows_ = 0;
};

}  // namespace

Status AppendNpy(const TensorRows& rows, int64_t row, std::string* out) {
  const auto shape = rows.shape(row);
  int64_t count = 1;
  for (const int64_t length : shape) count *= length;
  const int64_t begin = rows.begin(row);
  for (int64_t value = begin; value < begin + count; ++value) {
    if (rows.values().IsNull(value)) return MakeError(ErrorKind::kInvalidArgument, "it has a null in it, which arrays have no value for");
  }
  out->append(Header(*rows.values().type(), shape));
  AppendValues(rows.values(), begin, count, out);
  return Status::OK();
}

Status NumpyWriteFormat::Check(const arrow::Schema& schema) const {
  const auto field = schema.GetFieldByName(column_);
  if (field == nullptr) return MakeError(ErrorKind::kUnknownColumn, "No column '" + column_ + "' to write; there are " + schema.ToString());
  if (TensorRows::ValueType(*field->type()) != nullptr) return Status::OK();
  return MakeError(ErrorKind::kType, "Column '" + column_ + "' of type " + field->type()->ToString() + " is no array of numbers; write_numpy takes numbers, lists of numbers and tensors");
}

int64_t NumpyWriteFormat::EncodeBytes(const arrow::Schema&, int64_t, int64_t) const { return 2 * kBufferBytes; }

Result<std::unique_ptr<FileWriter>> NumpyWriteFormat::Open(Env& env, const FileToWrite& file) const {
  ARROW_RETURN_NOT_OK(Check(*file.schema));
  ARROW_ASSIGN_OR_RAISE(auto reserved, Reservation::Take(file.pool->ledger(), 2 * kBufferBytes));
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Create(env, file.path, arrow::Compression::UNCOMPRESSED, file.pool.get()));
  auto type = TensorRows::ValueType(*file.schema->GetFieldByName(column_)->type());
  return std::make_unique<NpyWriter>(env, column_, std::move(type), file, std::move(reserved), std::move(sink));
}

}  // namespace millstream
