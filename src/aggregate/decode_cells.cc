/// DecodeColumn: from encoded rows back to arrays.

#include <arrow/array/builder_binary.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "aggregate/cell_bytes.h"
#include "aggregate/ordered_bytes.h"
#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

using arrow::ArrayData;
using arrow::Type;
using ArrayResult = Result<std::shared_ptr<ArrayData>>;
using BufferResult = Result<std::shared_ptr<arrow::Buffer>>;
using TypePtr = std::shared_ptr<arrow::DataType>;

Status TooLong() {
  return MakeError(ErrorKind::kInvalidArgument, "a column of text or lists is too long for 32-bit offsets; take fewer groups at once, or cast it to a large type");
}

/// Reads the marks: cells of nulls become null pointers in `values`, whose others point behind the mark.
class MarkedCells {
 public:
  explicit MarkedCells(arrow::MemoryPool* pool) : values_(pool), valid_(pool) {}

  Status Read(const RowCells& cells) {
    const int64_t count = cells.at.size();
    ARROW_RETURN_NOT_OK(values_.Resize(count));
    ARROW_RETURN_NOT_OK(valid_.Resize(count));
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* cell = cells.at[i];
      valid_[i] = cell != nullptr && *cell == kValueMark;
      values_[i] = valid_[i] != 0 ? cell + 1 : nullptr;
    }
    return Status::OK();
  }
  const uint8_t* operator[](int64_t i) const { return values_[i]; }
  const uint8_t* valid() const { return valid_.data(); }
  int64_t count() const { return values_.size(); }

 private:
  PoolVector<const uint8_t*> values_;
  PoolVector<uint8_t> valid_;
};

BufferResult Allocate(int64_t bytes, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(bytes, pool));
  std::memset(buffer->mutable_data(), 0, static_cast<size_t>(bytes));
  return buffer;
}

ArrayResult DecodeWordCells(const TypePtr& type, const MarkedCells& cells, arrow::MemoryPool* pool) {
  PoolVector<uint64_t> words(pool);
  ARROW_RETURN_NOT_OK(words.Grow(cells.count(), 0));
  const int width = WordBytes(*type);
  for (int64_t i = 0; i < cells.count(); ++i) {
    if (cells[i] == nullptr) continue;
    uint64_t word = 0;
    std::memcpy(&word, cells[i], static_cast<size_t>(width));
    words[i] = width == 0 ? 0 : arrow::bit_util::FromBigEndian(word) >> (64 - 8 * width);
  }
  return DecodeWords(type, words.data(), 1, cells.valid(), cells.count(), pool);
}

ArrayResult DecodeFixedCells(const TypePtr& type, const MarkedCells& cells, arrow::MemoryPool* pool) {
  const int64_t width = static_cast<const arrow::FixedWidthType&>(*type).bit_width() / 8;
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(cells.valid(), cells.count(), pool));
  ARROW_ASSIGN_OR_RAISE(auto values, Allocate(cells.count() * width, pool));
  for (int64_t i = 0; i < cells.count(); ++i) {
    uint8_t* out = values->mutable_data() + i * width;
    if (cells[i] == nullptr || width == 0) continue;
    if (type->id() == Type::FIXED_SIZE_BINARY) {
      std::memcpy(out, cells[i], static_cast<size_t>(width));
    } else {
      std::reverse_copy(cells[i], cells[i] + width, out);
      out[width - 1] ^= 0x80;
    }
  }
  return ArrayData::Make(type, cells.count(), {std::move(bitmap), std::move(values)});
}

/// The text of a cell that is not a row's last, piece by piece: take(bytes, count).
template <typename Take>
void ForEachPiece(const uint8_t* at, Take take) {
  for (;;) {
    const uint8_t* zero = at;
    while (*zero != 0) ++zero;
    const bool ends = zero[1] == 0;
    take(at, zero - at + (ends ? 0 : 1));
    if (ends) return;
    at = zero + 2;
  }
}

int64_t TextBytes(const uint8_t* cell, const uint8_t* end) {
  if (cell == nullptr) return 0;
  if (end != nullptr) return end - cell;
  int64_t bytes = 0;
  ForEachPiece(cell, [&](const uint8_t*, int64_t count) { bytes += count; });
  return bytes;
}

uint8_t* CopyText(const uint8_t* cell, const uint8_t* end, uint8_t* out) {
  if (cell == nullptr) return out;
  const auto copy = [&](const uint8_t* bytes, int64_t count) {
    if (count > 0) std::memcpy(out, bytes, static_cast<size_t>(count));
    out += count;
  };
  if (end != nullptr) {
    copy(cell, end - cell);
  } else {
    ForEachPiece(cell, copy);
  }
  return out;
}

template <typename Offset>
ArrayResult DecodeTexts(const TypePtr& type, const MarkedCells& cells, const RowCells* ends, arrow::MemoryPool* pool) {
  const auto end_of = [&](int64_t i) { return ends == nullptr ? nullptr : ends->end[i]; };
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(cells.valid(), cells.count(), pool));
  ARROW_ASSIGN_OR_RAISE(auto offsets_buffer, Allocate((cells.count() + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
  auto* offsets = reinterpret_cast<Offset*>(offsets_buffer->mutable_data());
  int64_t bytes = 0;
  for (int64_t i = 0; i < cells.count(); ++i) {
    bytes += TextBytes(cells[i], end_of(i));
    if (bytes > std::numeric_limits<Offset>::max()) return TooLong();
    offsets[i + 1] = static_cast<Offset>(bytes);
  }
  ARROW_ASSIGN_OR_RAISE(auto values, Allocate(bytes, pool));
  uint8_t* out = values->mutable_data();
  for (int64_t i = 0; i < cells.count(); ++i) out = CopyText(cells[i], end_of(i), out);
  return ArrayData::Make(type, cells.count(), {std::move(bitmap), std::move(offsets_buffer), std::move(values)});
}

ArrayResult DecodeViews(const TypePtr& type, const MarkedCells& cells, const RowCells* ends, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto texts, DecodeTexts<int64_t>(arrow::large_binary(), cells, ends, pool));
  const auto* offsets = texts->GetValues<int64_t>(1);
  arrow::BinaryViewBuilder builder(type, pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(cells.count()));
  for (int64_t i = 0; i < cells.count(); ++i) {
    if (cells[i] == nullptr) {
      builder.UnsafeAppendNull();
    } else {
      ARROW_RETURN_NOT_OK(builder.Append(texts->buffers[2]->data() + offsets[i], offsets[i + 1] - offsets[i]));
    }
  }
  std::shared_ptr<ArrayData> views;
  ARROW_RETURN_NOT_OK(builder.FinishInternal(&views));
  views->type = type;
  return views;
}

ArrayResult DecodeStructs(const TypePtr& type, const MarkedCells& cells, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(cells.valid(), cells.count(), pool));
  RowCells fields(pool);
  ARROW_RETURN_NOT_OK(fields.at.Resize(cells.count()));
  for (int64_t i = 0; i < cells.count(); ++i) fields.at[i] = cells[i];
  std::vector<std::shared_ptr<ArrayData>> children;
  for (const auto& field : type->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto child, DecodeColumn(field->type(), false, &fields, pool));
    children.push_back(std::move(child));
  }
  return ArrayData::Make(type, cells.count(), {std::move(bitmap)}, std::move(children));
}

/// Finds the elements of each list; `fixed` >= 0: so many nulls stand for a null list.
Status FindElements(const arrow::DataType& element, const MarkedCells& cells, int64_t fixed, PoolVector<int64_t>* starts, RowCells* elements) {
  ARROW_RETURN_NOT_OK(starts->Resize(cells.count() + 1));
  for (int64_t i = 0; i < cells.count(); ++i) {
    (*starts)[i] = elements->at.size();
    if (cells[i] == nullptr) {
      ARROW_RETURN_NOT_OK(elements->at.Grow(elements->at.size() + std::max<int64_t>(fixed, 0), nullptr));
      continue;
    }
    for (const uint8_t* at = cells[i]; *at++ == kElementMark; at = EndOfCell(element, at)) {
      ARROW_RETURN_NOT_OK(elements->at.Reserve(elements->at.size() + 1));
      elements->at.Append(at);
    }
  }
  (*starts)[cells.count()] = elements->at.size();
  return Status::OK();
}

/// Numbers starts[i + part] - starts[i * of_difference] … as a buffer: offsets, or sizes where `sizes`.
template <typename Offset>
BufferResult OffsetsOf(const PoolVector<int64_t>& starts, bool sizes, arrow::MemoryPool* pool) {
  const int64_t count = sizes ? starts.size() - 1 : starts.size();
  if (starts[starts.size() - 1] > std::numeric_limits<Offset>::max()) return TooLong();
  ARROW_ASSIGN_OR_RAISE(auto buffer, Allocate(count * static_cast<int64_t>(sizeof(Offset)), pool));
  auto* out = reinterpret_cast<Offset*>(buffer->mutable_data());
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Offset>(sizes ? starts[i + 1] - starts[i] : starts[i]);
  return buffer;
}

template <typename Offset>
Status AddOffsets(const PoolVector<int64_t>& starts, bool view, arrow::MemoryPool* pool, std::vector<std::shared_ptr<arrow::Buffer>>* buffers) {
  ARROW_ASSIGN_OR_RAISE(auto offsets, OffsetsOf<Offset>(starts, false, pool));
  buffers->push_back(std::move(offsets));
  if (!view) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto sizes, OffsetsOf<Offset>(starts, true, pool));
  buffers->push_back(std::move(sizes));
  return Status::OK();
}

ArrayResult DecodeLists(const TypePtr& type, const MarkedCells& cells, arrow::MemoryPool* pool) {
  const auto id = type->id();
  const auto& element = type->field(0)->type();
  const int64_t fixed = id == Type::FIXED_SIZE_LIST ? static_cast<const arrow::FixedSizeListType&>(*type).list_size() : -1;
  PoolVector<int64_t> starts(pool);
  RowCells elements(pool);
  ARROW_RETURN_NOT_OK(FindElements(*element, cells, fixed, &starts, &elements));
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(cells.valid(), cells.count(), pool));
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {std::move(bitmap)};
  const bool view = id == Type::LIST_VIEW || id == Type::LARGE_LIST_VIEW;
  if (id == Type::LIST || id == Type::LIST_VIEW) ARROW_RETURN_NOT_OK(AddOffsets<int32_t>(starts, view, pool, &buffers));
  if (id == Type::LARGE_LIST || id == Type::LARGE_LIST_VIEW) ARROW_RETURN_NOT_OK(AddOffsets<int64_t>(starts, view, pool, &buffers));
  ARROW_ASSIGN_OR_RAISE(auto child, DecodeColumn(element, false, &elements, pool));
  return ArrayData::Make(type, cells.count(), std::move(buffers), {std::move(child)});
}

ArrayResult DecodeValues(const TypePtr& type, const MarkedCells& cells, const RowCells* ends, arrow::MemoryPool* pool) {
  switch (type->id()) {
    case Type::STRING:
    case Type::BINARY: return DecodeTexts<int32_t>(type, cells, ends, pool);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return DecodeTexts<int64_t>(type, cells, ends, pool);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return DecodeViews(type, cells, ends, pool);
    case Type::FIXED_SIZE_BINARY:
    case Type::DECIMAL128:
    case Type::DECIMAL256: return DecodeFixedCells(type, cells, pool);
    case Type::STRUCT: return DecodeStructs(type, cells, pool);
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::FIXED_SIZE_LIST: return DecodeLists(type, cells, pool);
    default: return DecodeWordCells(type, cells, pool);
  }
}

}  // namespace

ArrayResult DecodeColumn(const TypePtr& type, bool last, RowCells* cells, arrow::MemoryPool* pool) {
  MarkedCells marked(pool);
  ARROW_RETURN_NOT_OK(marked.Read(*cells));
  ARROW_ASSIGN_OR_RAISE(auto values, DecodeValues(type, marked, last ? cells : nullptr, pool));
  if (last) return values;
  for (int64_t i = 0; i < cells->at.size(); ++i) {
    if (cells->at[i] != nullptr) cells->at[i] = EndOfCell(*type, cells->at[i]);
  }
  return values;
}

}  // namespace millstream
