#include "format/numpy/numpy_format.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/extension/fixed_shape_tensor.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/endian.h>

#include <algorithm>
#include <cstring>

#include "ops/conform_batch.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr const char* kName = "read_numpy";

std::shared_ptr<arrow::Schema> SchemaOf(const NpyHeader& header) {
  const bool is_tensor = header.shape.size() > 1;
  return arrow::schema({arrow::field("data", is_tensor ? arrow::extension::fixed_shape_tensor(header.type, header.row_shape()) : header.type)});
}

/// The values of all rows, row after row, from an array whose first axis is the fastest.
void TakeFortranRows(const NpyHeader& header, const uint8_t* array, int64_t rows, uint8_t* out) {
  const auto& shape = header.shape;
  const int64_t row_values = header.row_values();
  const auto bytes = static_cast<size_t>(header.value_bytes);
  std::vector<int64_t> at(shape.size(), 0);  // on each axis but the first
  int64_t place = 0;                         // in the array, of row 0
  for (int64_t value = 0; value < row_values; ++value) {
    for (int64_t row = 0; row < rows; ++row) std::memcpy(out + (row * row_values + value) * header.value_bytes, array + (place + row) * header.value_bytes, bytes);
    for (size_t axis = shape.size() - 1; axis > 0; --axis) {
      int64_t step = 1;
      for (size_t below = 0; below < axis; ++below) step *= shape[below];
      place += step;
      if (++at[axis] < shape[axis]) break;
      place -= step * shape[axis];
      at[axis] = 0;
    }
  }
}

template <typename T>
void SwapEach(uint8_t* bytes, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    value = arrow::bit_util::ByteSwap(value);
    std::memcpy(bytes + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
  }
}

void Swap(int64_t value_bytes, uint8_t* bytes, int64_t count) {
  if (value_bytes == 2) SwapEach<uint16_t>(bytes, count);
  if (value_bytes == 4) SwapEach<uint32_t>(bytes, count);
  if (value_bytes == 8) SwapEach<uint64_t>(bytes, count);
}

/// Bytes as they are in the file, at the beginning of a buffer of the pool that is theirs alone.
Result<std::shared_ptr<arrow::Buffer>> ReadBytes(arrow::io::RandomAccessFile& file, const ListedFile& listed, int64_t begin, int64_t count, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes, arrow::AllocateBuffer(count, pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t read, file.ReadAt(begin, count, bytes->mutable_data()));
  if (read == count) return bytes;
  return MakeError(ErrorKind::kIo, "file " + listed.path + " ended at byte " + std::to_string(begin + read) + ", before its listed size");
}

Result<std::shared_ptr<arrow::Buffer>> AsBits(const arrow::Buffer& bytes, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateEmptyBitmap(bytes.size(), pool));
  for (int64_t i = 0; i < bytes.size(); ++i) arrow::bit_util::SetBitTo(bits->mutable_data(), i, bytes.data()[i] != 0);
  return bits;
}

/// The column of rows whose numbers are these.
Result<std::shared_ptr<arrow::RecordBatch>> BatchOf(const NpyHeader& header, std::shared_ptr<arrow::Buffer> bytes, int64_t rows, arrow::MemoryPool* pool) {
  if (header.swapped) Swap(header.value_bytes, bytes->mutable_data(), rows * header.row_values());
  if (header.type->id() == arrow::Type::BOOL) {
    ARROW_ASSIGN_OR_RAISE(bytes, AsBits(*bytes, pool));
  }
  auto values = arrow::ArrayData::Make(header.type, rows * header.row_values(), {nullptr, std::move(bytes)}, 0);
  auto schema = SchemaOf(header);
  const auto& type = schema->field(0)->type();
  if (type->id() == arrow::Type::EXTENSION) values = arrow::ArrayData::Make(type, rows, {nullptr}, {std::move(values)}, 0);
  return arrow::RecordBatch::Make(std::move(schema), rows, {arrow::MakeArray(std::move(values))});
}

/// The first row that begins at or behind a byte of the file.
int64_t RowFrom(const NpyHeader& header, int64_t byte) {
  const int64_t into = std::max<int64_t>(byte - header.data_begin, 0);
  return std::min((into + header.row_bytes() - 1) / header.row_bytes(), header.rows());
}

}  // namespace

Result<std::shared_ptr<const NumpyFormat>> NumpyFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, Scheduler* scheduler, BadFiles* bad) {
  std::shared_ptr<NumpyFormat> format(new NumpyFormat(std::move(env), std::move(files)));
  format->headers_.resize(format->files_->size());
  ARROW_RETURN_NOT_OK(ForEachFile(scheduler, format->headers_.size(), bad, [&](size_t i) -> Status {
    const ListedFile& listed = (*format->files_)[i];
    ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*format->env_, listed, arrow::default_memory_pool(), kName));
    return ReadNpyHeader(*file, listed).Value(&format->headers_[i]);
  }));
  ARROW_RETURN_NOT_OK(format->FindSchema(bad));
  return format;
}

Status NumpyFormat::FindSchema(BadFiles* bad) {
  for (size_t file = 0; file < headers_.size(); ++file) {
    const auto schema = SchemaOf(headers_[file]);
    if (schema_ == nullptr) schema_ = schema;
    auto common = CommonSchema(kReader, *schema_, *schema);
    if (!common.ok()) {
      ARROW_RETURN_NOT_OK(Noted(bad, file, MakeError(ErrorKind::kType, "read_numpy: file " + (*files_)[file].path + " has rows of " + schema->field(0)->type()->ToString() +
                                                                            ", which do not fit those of the files before it, " + schema_->field(0)->type()->ToString() +
                                                                            "; read them as data sets of their own")));
      continue;
    }
    schema_ = std::move(*common);
  }
  return bad == nullptr ? Status::OK() : bad->first();
}

int64_t NumpyFormat::rows_guess() const {
  int64_t rows = 0;
  for (const NpyHeader& header : headers_) rows = std::min(rows + header.rows(), kRowsGuessMax);
  return rows;
}

Result<std::shared_ptr<arrow::RecordBatchReader>> NumpyFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const NpyHeader& header = headers_[range.file];
  const ListedFile& listed = (*files_)[range.file];
  const int64_t first = cuttable(range.file) ? RowFrom(header, range.begin) : 0;
  const int64_t rows = (cuttable(range.file) ? RowFrom(header, range.end) : header.rows()) - first;
  if (rows == 0) return arrow::RecordBatchReader::Make({}, schema_);
  ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*env_, listed, pool, kName));
  ARROW_ASSIGN_OR_RAISE(auto bytes, ReadBytes(*file, listed, header.data_begin + first * header.row_bytes(), rows * header.row_bytes(), pool));
  if (header.fortran_order) {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> ordered, arrow::AllocateBuffer(bytes->size(), pool));
    TakeFortranRows(header, bytes->data(), rows, ordered->mutable_data());
    bytes = std::move(ordered);
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, BatchOf(header, std::move(bytes), rows, pool));
  ARROW_ASSIGN_OR_RAISE(batch, ConformBatch(kReader, batch, schema_, pool));
  return arrow::RecordBatchReader::Make({std::move(batch)}, schema_);
}

}  // namespace millstream
