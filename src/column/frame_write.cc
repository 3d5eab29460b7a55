#include <arrow/util/bit_util.h>

#include <cstring>
#include <string>

#include "column/frame.h"
#include "column/frame_layout.h"

namespace millstream {
namespace {

using arrow::Type;

constexpr uint8_t kZeros[16] = {};

Status NotCanonical(const arrow::ArrayData& data) {
  return MakeError(
      ErrorKind::kInvalidArgument,
      "Only columns in storage form that hold no rows but their own can be framed; gather this one first: " +
          data.type->ToString());
}

// Collects one array's buffers, then writes its header and them.
class ColumnWriter {
 public:
  explicit ColumnWriter(const arrow::ArrayData& data) : data_(data), nulls_(data.GetNullCount()) {}

  void AddBuffers() {
    const auto id = data_.type->id();
    const int64_t rows = data_.length;
    if (HasValidity(id)) {
      Add(nulls_ == 0 ? nullptr : data_.buffers[0]->data(), nulls_ == 0 ? 0 : arrow::bit_util::BytesForBits(rows));
    }
    switch (id) {
      case Type::NA:
      case Type::STRUCT:
      case Type::FIXED_SIZE_LIST: return;
      case Type::BOOL: return AddPart(1, arrow::bit_util::BytesForBits(rows));
      case Type::STRING:
      case Type::BINARY: return AddBinary<int32_t>();
      case Type::LARGE_STRING:
      case Type::LARGE_BINARY: return AddBinary<int64_t>();
      case Type::STRING_VIEW:
      case Type::BINARY_VIEW: return AddViews();
      case Type::LIST:
      case Type::MAP: AddOffsets<int32_t>(); return;
      case Type::LARGE_LIST: AddOffsets<int64_t>(); return;
      case Type::LIST_VIEW: return AddParts(rows * 4, rows * 4);
      case Type::LARGE_LIST_VIEW: return AddParts(rows * 8, rows * 8);
      case Type::SPARSE_UNION: return AddPart(1, rows);
      case Type::DENSE_UNION: return AddParts(rows, rows * 4);
      default: return AddPart(1, rows * (data_.type->bit_width() / 8));
    }
  }

  void Write(FramePieces* out) const {
    std::vector<int64_t> words = {data_.length, nulls_, static_cast<int64_t>(buffers_.size())};
    for (const auto& buffer : buffers_) words.push_back(buffer.bytes);
    auto header = std::make_unique<std::vector<uint8_t>>(words.size() * sizeof(int64_t));
    std::memcpy(header->data(), words.data(), header->size());
    Append(header->data(), static_cast<int64_t>(header->size()), out);
    out->headers.push_back(std::move(header));
    for (const auto& buffer : buffers_) {
      Append(buffer.data, buffer.bytes, out);
      Append(kZeros, PaddedBytes(buffer.bytes) - buffer.bytes, out);
    }
  }

 private:
  static void Append(const uint8_t* data, int64_t bytes, FramePieces* out) {
    if (bytes == 0) return;
    out->pieces.push_back({data, bytes});
    out->total_bytes += bytes;
  }

  void Add(const uint8_t* data, int64_t bytes) { buffers_.push_back({data, bytes}); }

  void AddPart(int i, int64_t bytes) { Add(bytes == 0 ? nullptr : data_.buffers[i]->data(), bytes); }

  void AddParts(int64_t first, int64_t second) {
    AddPart(1, first);
    AddPart(2, second);
  }

  // An array of no rows may lack its one offset.
  template <typename Offset>
  int64_t AddOffsets() {
    if (data_.length == 0) {
      Add(kZeros, sizeof(Offset));
      return 0;
    }
    AddPart(1, (data_.length + 1) * static_cast<int64_t>(sizeof(Offset)));
    return data_.GetValues<Offset>(1)[data_.length];
  }

  template <typename Offset>
  void AddBinary() {
    const int64_t bytes = AddOffsets<Offset>();
    AddPart(2, bytes);
  }

  void AddViews() {
    AddPart(1, data_.length * 16);
    for (size_t i = 2; i < data_.buffers.size(); ++i) AddPart(static_cast<int>(i), data_.buffers[i]->size());
  }

  const arrow::ArrayData& data_;
  const int64_t nulls_;
  std::vector<FramePieces::Piece> buffers_;
};

// The rows that each child must have where the layout fixes them, else -1.
int64_t ChildRows(const arrow::ArrayData& data) {
  switch (data.type->id()) {
    case Type::STRUCT:
    case Type::SPARSE_UNION: return data.length;
    case Type::FIXED_SIZE_LIST:
      return data.length * static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
    default: return -1;
  }
}

Status CheckCanonical(const arrow::ArrayData& data) {
  if (data.offset != 0 || !IsStorageLayout(data.type->id())) return NotCanonical(data);
  const int64_t child_rows = ChildRows(data);
  for (const auto& child : data.child_data) {
    if (child_rows != -1 && child->length != child_rows) return NotCanonical(data);
    ARROW_RETURN_NOT_OK(CheckCanonical(*child));
  }
  return Status::OK();
}

void AppendChecked(const arrow::ArrayData& data, FramePieces* out) {
  ColumnWriter writer(data);
  writer.AddBuffers();
  writer.Write(out);
  for (const auto& child : data.child_data) AppendChecked(*child, out);
}

}  // namespace

Status AppendColumn(const arrow::ArrayData& data, FramePieces* out) {
  ARROW_RETURN_NOT_OK(CheckCanonical(data));
  AppendChecked(data, out);
  return Status::OK();
}

}  // namespace millstream
