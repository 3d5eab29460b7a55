#include "column/row_numbers.h"

#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/bit_util.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "column/row_key.h"
#include "column/selection.h"

namespace millstream {
namespace {

using arrow::Type;

uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = bytes.size();
  size_t i = 0;
  for (uint64_t word; i + sizeof(word) <= bytes.size(); i += sizeof(word)) {
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    hash = Mix64(hash ^ word);
  }
  uint64_t tail = 0;
  if (i < bytes.size()) std::memcpy(&tail, bytes.data() + i, bytes.size() - i);
  return Mix64(hash ^ tail);
}

struct FixedRows {
  const uint8_t* values;
  int64_t width;
  std::string_view operator()(int64_t row) const {
    return {reinterpret_cast<const char*>(values + row * width), static_cast<size_t>(width)};
  }
};

template <typename Offset>
struct BinaryRows {
  const Offset* offsets;
  const uint8_t* data;
  std::string_view operator()(int64_t row) const {
    return {reinterpret_cast<const char*>(data) + offsets[row], static_cast<size_t>(offsets[row + 1] - offsets[row])};
  }
};

bool IsNull(const arrow::ArrayData& data, int64_t row) {
  return data.MayHaveNulls() && !arrow::bit_util::GetBit(data.buffers[0]->data(), data.offset + row);
}

// Open addressing over the numbers given so far; half of the slots stay free.
template <typename Rows>
class Numberer {
 public:
  Numberer(const Rows& rows, arrow::MemoryPool* pool) : rows_(rows), pool_(pool), first_rows_(pool) {}

  Status Init() { return Rehash(256); }

  Result<uint32_t> NumberOf(int64_t row) {
    const auto bytes = rows_(row);
    uint64_t slot = HashBytes(bytes) & mask_;
    for (; slots()[slot] != kAbsentIndex; slot = (slot + 1) & mask_) {
      if (rows_(first_rows_.data()[slots()[slot]]) == bytes) return slots()[slot];
    }
    const auto number = static_cast<uint32_t>(first_rows_.length());
    slots()[slot] = number;
    ARROW_RETURN_NOT_OK(first_rows_.Append(static_cast<uint32_t>(row)));
    if (2 * static_cast<uint64_t>(first_rows_.length()) > mask_) ARROW_RETURN_NOT_OK(Rehash(4 * (mask_ + 1)));
    return number;
  }

  Status Finish(RowNumbers* out) {
    out->values = first_rows_.length();
    return first_rows_.Finish(&out->first_rows);
  }

 private:
  uint32_t* slots() { return slots_->template mutable_data_as<uint32_t>(); }

  Status Rehash(uint64_t slots_new) {
    ARROW_ASSIGN_OR_RAISE(slots_, arrow::AllocateBuffer(static_cast<int64_t>(slots_new * sizeof(uint32_t)), pool_));
    std::memset(slots_->mutable_data(), 0xFF, static_cast<size_t>(slots_->size()));
    mask_ = slots_new - 1;
    for (int64_t number = 0; number < first_rows_.length(); ++number) {
      uint64_t slot = HashBytes(rows_(first_rows_.data()[number])) & mask_;
      while (slots()[slot] != kAbsentIndex) slot = (slot + 1) & mask_;
      slots()[slot] = static_cast<uint32_t>(number);
    }
    return Status::OK();
  }

  const Rows rows_;
  arrow::MemoryPool* pool_;
  arrow::TypedBufferBuilder<uint32_t> first_rows_;
  std::unique_ptr<arrow::Buffer> slots_;
  uint64_t mask_ = 0;
};

template <typename Rows>
Result<RowNumbers> NumberWith(const arrow::ArrayData& data, const Rows& rows, bool all_null, arrow::MemoryPool* pool) {
  RowNumbers result;
  ARROW_ASSIGN_OR_RAISE(result.numbers,
                        arrow::AllocateBuffer(data.length * static_cast<int64_t>(sizeof(uint32_t)), pool));
  auto* numbers = result.numbers->template mutable_data_as<uint32_t>();
  Numberer<Rows> numberer(rows, pool);
  ARROW_RETURN_NOT_OK(numberer.Init());
  for (int64_t row = 0; row < data.length; ++row) {
    if (all_null || IsNull(data, row)) {
      numbers[row] = kAbsentIndex;
    } else {
      ARROW_ASSIGN_OR_RAISE(numbers[row], numberer.NumberOf(row));
    }
  }
  ARROW_RETURN_NOT_OK(numberer.Finish(&result));
  return result;
}

template <typename Offset>
Result<RowNumbers> NumberBinary(const arrow::ArrayData& data, arrow::MemoryPool* pool) {
  if (data.length == 0) return NumberWith(data, FixedRows{nullptr, 0}, true, pool);
  const uint8_t* bytes = data.buffers[2] == nullptr ? nullptr : data.buffers[2]->data();
  return NumberWith(data, BinaryRows<Offset>{data.GetValues<Offset>(1), bytes}, false, pool);
}

// Values without bytes of their own in one place are written out as keys first.
Result<RowNumbers> NumberKeys(const arrow::ArrayData& data, arrow::MemoryPool* pool) {
  arrow::BufferBuilder keys(pool);
  arrow::TypedBufferBuilder<int64_t> offsets(pool);
  for (int64_t row = 0; row < data.length; ++row) {
    ARROW_RETURN_NOT_OK(offsets.Append(keys.length()));
    ARROW_RETURN_NOT_OK(AppendRowKey(data, row, &keys));
  }
  ARROW_RETURN_NOT_OK(offsets.Append(keys.length()));
  return NumberWith(data, BinaryRows<int64_t>{offsets.data(), keys.data()}, false, pool);
}

}  // namespace

Result<RowNumbers> NumberRows(const arrow::ArrayData& data, arrow::MemoryPool* pool) {
  if (data.length >= static_cast<int64_t>(kAbsentIndex)) {
    return MakeError(ErrorKind::kInvalidArgument,
                     "A dictionary or run-end encoded column cannot have more than 2^32 - 2 rows in one batch: " +
                         std::to_string(data.length));
  }
  switch (data.type->id()) {
    case Type::NA: return NumberWith(data, FixedRows{nullptr, 0}, true, pool);
    case Type::STRING:
    case Type::BINARY: return NumberBinary<int32_t>(data, pool);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return NumberBinary<int64_t>(data, pool);
    default: break;
  }
  if (!arrow::is_fixed_width(data.type->id()) || data.type->id() == Type::BOOL) return NumberKeys(data, pool);
  const int64_t width = data.type->bit_width() / 8;
  return NumberWith(data, FixedRows{data.buffers[1]->data() + data.offset * width, width}, false, pool);
}

}  // namespace millstream
