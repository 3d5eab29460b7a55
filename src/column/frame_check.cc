#include "column/frame_check.h"

#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include <algorithm>
#include <cstring>

#include "column/frame_layout.h"

namespace millstream {
namespace {

using arrow::Type;

Status CheckSize(const arrow::ArrayData& data, int buffer, int64_t bytes) {
  return data.buffers[buffer]->size() == bytes ? Status::OK()
                                               : CorruptColumn("a buffer has another size than its rows need");
}

Status CheckValidity(const arrow::ArrayData& data) {
  const int64_t nulls = data.null_count;
  if (!HasValidity(data.type->id())) {
    const bool all_null = data.type->id() == Type::NA;
    return nulls == (all_null ? data.length : 0) ? Status::OK() : CorruptColumn("its null count is impossible");
  }
  if (data.buffers[0] == nullptr) {
    return nulls == 0 ? Status::OK() : CorruptColumn("it has nulls, but no validity bits");
  }
  ARROW_RETURN_NOT_OK(CheckSize(data, 0, arrow::bit_util::BytesForBits(data.length)));
  const int64_t set = arrow::internal::CountSetBits(data.buffers[0]->data(), 0, data.length);
  return nulls == data.length - set ? Status::OK() : CorruptColumn("its null count is not that of its validity bits");
}

// Offsets begin at 0 or above, never fall, and end within `limit`.
template <typename Offset>
Status CheckOffsets(const arrow::ArrayData& data, int64_t limit) {
  ARROW_RETURN_NOT_OK(CheckSize(data, 1, (data.length + 1) * static_cast<int64_t>(sizeof(Offset))));
  const Offset* offsets = data.GetValues<Offset>(1);
  bool falls = offsets[0] < 0;
  for (int64_t i = 0; i < data.length; ++i) falls |= offsets[i + 1] < offsets[i];
  return !falls && offsets[data.length] <= limit ? Status::OK()
                                                 : CorruptColumn("an offset is out of order or out of range");
}

template <typename Offset>
Status CheckListViews(const arrow::ArrayData& data, int64_t limit) {
  ARROW_RETURN_NOT_OK(CheckSize(data, 1, data.length * static_cast<int64_t>(sizeof(Offset))));
  ARROW_RETURN_NOT_OK(CheckSize(data, 2, data.length * static_cast<int64_t>(sizeof(Offset))));
  const Offset* offsets = data.GetValues<Offset>(1);
  const Offset* sizes = data.GetValues<Offset>(2);
  bool outside = false;
  for (int64_t i = 0; i < data.length; ++i) {
    outside |= offsets[i] < 0 || sizes[i] < 0 || offsets[i] > limit || sizes[i] > limit - offsets[i];
  }
  return outside ? CorruptColumn("a list reaches beyond its elements") : Status::OK();
}

using View = arrow::BinaryViewType::c_type;

bool IsSoundInline(const View& view) {
  const auto& bytes = view.inlined.data;
  return std::all_of(bytes.begin() + view.size(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

bool IsSoundView(const arrow::ArrayData& data, const View& view) {
  if (view.size() < 0) return false;
  if (view.is_inline()) return IsSoundInline(view);
  const int64_t buffers = static_cast<int64_t>(data.buffers.size()) - 2;
  if (view.ref.buffer_index < 0 || view.ref.buffer_index >= buffers || view.ref.offset < 0) return false;
  const auto& buffer = *data.buffers[2 + view.ref.buffer_index];
  if (int64_t{view.ref.offset} + view.size() > buffer.size()) return false;
  return std::memcmp(buffer.data() + view.ref.offset, view.ref.prefix.data(), view.ref.prefix.size()) == 0;
}

Status CheckViews(const arrow::ArrayData& data) {
  ARROW_RETURN_NOT_OK(CheckSize(data, 1, data.length * static_cast<int64_t>(sizeof(View))));
  const View* views = data.GetValues<View>(1);
  const bool sound = std::all_of(views, views + data.length, [&](const View& view) { return IsSoundView(data, view); });
  return sound ? Status::OK() : CorruptColumn("a view reaches beyond its bytes");
}

Status CheckChildRows(const arrow::ArrayData& data, int64_t factor) {
  int64_t rows;
  if (__builtin_mul_overflow(data.length, factor, &rows)) return CorruptColumn("its row count is impossible");
  for (const auto& child : data.child_data) {
    if (child->length != rows) return CorruptColumn("a child has another number of rows than its parent");
  }
  return Status::OK();
}

Status CheckCodes(const arrow::ArrayData& data) {
  ARROW_RETURN_NOT_OK(CheckSize(data, 1, data.length));
  const auto& child_ids = static_cast<const arrow::UnionType&>(*data.type).child_ids();
  const int8_t* codes = data.GetValues<int8_t>(1);
  const bool known =
      std::all_of(codes, codes + data.length, [&](int8_t code) { return code >= 0 && child_ids[code] >= 0; });
  return known ? Status::OK() : CorruptColumn("a union has a type code that its type lacks");
}

Status CheckDenseUnion(const arrow::ArrayData& data) {
  ARROW_RETURN_NOT_OK(CheckCodes(data));
  ARROW_RETURN_NOT_OK(CheckSize(data, 2, data.length * 4));
  const auto& child_ids = static_cast<const arrow::UnionType&>(*data.type).child_ids();
  const int8_t* codes = data.GetValues<int8_t>(1);
  const int32_t* offsets = data.GetValues<int32_t>(2);
  for (int64_t i = 0; i < data.length; ++i) {
    if (offsets[i] < 0 || offsets[i] >= data.child_data[child_ids[codes[i]]]->length) {
      return CorruptColumn("a union offset is out of range");
    }
  }
  return Status::OK();
}

// Keys of maps are never null, nor are the entries.
Status CheckMap(const arrow::ArrayData& data) {
  const auto& entries = *data.child_data[0];
  if (entries.null_count != 0 || entries.child_data[0]->null_count != 0) {
    return CorruptColumn("a map has null keys or entries");
  }
  return CheckOffsets<int32_t>(data, entries.length);
}

Status CheckFixed(const arrow::ArrayData& data) {
  int64_t bytes;
  if (__builtin_mul_overflow(data.length, int64_t{data.type->bit_width() / 8}, &bytes)) {
    return CorruptColumn("its row count is impossible");
  }
  return CheckSize(data, 1, bytes);
}

}  // namespace

Status CorruptColumn(const std::string& what) {
  return MakeError(ErrorKind::kCorruptData, "The column frame is corrupt: " + what);
}

Status CheckColumn(const arrow::ArrayData& data) {
  ARROW_RETURN_NOT_OK(CheckValidity(data));
  switch (data.type->id()) {
    case Type::NA: return Status::OK();
    case Type::BOOL: return CheckSize(data, 1, arrow::bit_util::BytesForBits(data.length));
    case Type::STRING:
    case Type::BINARY: return CheckOffsets<int32_t>(data, data.buffers[2]->size());
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return CheckOffsets<int64_t>(data, data.buffers[2]->size());
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return CheckViews(data);
    case Type::LIST: return CheckOffsets<int32_t>(data, data.child_data[0]->length);
    case Type::LARGE_LIST: return CheckOffsets<int64_t>(data, data.child_data[0]->length);
    case Type::MAP: return CheckMap(data);
    case Type::LIST_VIEW: return CheckListViews<int32_t>(data, data.child_data[0]->length);
    case Type::LARGE_LIST_VIEW: return CheckListViews<int64_t>(data, data.child_data[0]->length);
    case Type::FIXED_SIZE_LIST:
      return CheckChildRows(data, static_cast<const arrow::FixedSizeListType&>(*data.type).list_size());
    case Type::STRUCT: return CheckChildRows(data, 1);
    case Type::SPARSE_UNION: {
      ARROW_RETURN_NOT_OK(CheckCodes(data));
      return CheckChildRows(data, 1);
    }
    case Type::DENSE_UNION: return CheckDenseUnion(data);
    default: return CheckFixed(data);
  }
}

}  // namespace millstream
