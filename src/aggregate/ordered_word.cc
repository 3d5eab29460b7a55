#include "aggregate/ordered_word.h"

#include <arrow/buffer.h>
#include <arrow/type_traits.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/float16.h>

#include "aggregate/word_types.h"

namespace millstream {
namespace {

template <typename T>
void Encode(const arrow::ArrayData& values, int64_t begin, int64_t count, int stride, uint64_t* out) {
  const WordValues<T> from(values, begin);
  for (int64_t i = 0; i < count; ++i) out[i * stride] = WordOfValue(from[i]);
}

void ZeroNulls(const arrow::ArrayData& values, int64_t begin, int64_t count, int stride, uint64_t* out) {
  const uint8_t* bitmap = values.buffers[0]->data();
  for (int64_t i = 0; i < count; ++i) {
    if (!arrow::bit_util::GetBit(bitmap, values.offset + begin + i)) out[i * stride] = 0;
  }
}

template <typename T>
Result<std::shared_ptr<arrow::Buffer>> Decode(const uint64_t* words, int stride, const uint8_t* valid, int64_t count, arrow::MemoryPool* pool) {
  using Stored = typename WordValues<T>::Stored;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(Stored)), pool));
  auto* out = reinterpret_cast<Stored*>(buffer->mutable_data());
  for (int64_t i = 0; i < count; ++i) {
    out[i] = valid == nullptr || valid[i] != 0 ? WordValues<T>::Store(ValueOfWord<typename WordValues<T>::Value>(words[i * stride])) : Stored{};
  }
  return buffer;
}

Result<std::shared_ptr<arrow::Buffer>> DecodeBits(const uint64_t* words, int stride, const uint8_t* valid, int64_t count, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(arrow::bit_util::BytesForBits(count), pool));
  std::memset(buffer->mutable_data(), 0, static_cast<size_t>(buffer->size()));
  for (int64_t i = 0; i < count; ++i) {
    arrow::bit_util::SetBitTo(buffer->mutable_data(), i, (valid == nullptr || valid[i] != 0) && words[i * stride] != 0);
  }
  return buffer;
}

}  // namespace

bool HasWords(const arrow::DataType& type) {
  return type.id() == arrow::Type::NA || VisitWordType(type.id(), [](auto) {});
}

int WordBytes(const arrow::DataType& type) {
  int bytes = 0;
  VisitWordType(type.id(), [&](auto tag) {
    using Value = typename WordValues<typename decltype(tag)::Type>::Value;
    bytes = std::is_floating_point_v<Value> ? sizeof(double) : sizeof(Value);
  });
  return bytes;
}

void EncodeWords(const arrow::ArrayData& values, int64_t begin, int64_t count, int stride, uint64_t* out) {
  if (values.type->id() == arrow::Type::NA) {
    for (int64_t i = 0; i < count; ++i) out[i * stride] = 0;
    return;
  }
  VisitWordType(values.type->id(), [&](auto tag) { Encode<typename decltype(tag)::Type>(values, begin, count, stride, out); });
  if (values.MayHaveNulls()) ZeroNulls(values, begin, count, stride, out);
}

Result<std::shared_ptr<arrow::ArrayData>> DecodeWords(const std::shared_ptr<arrow::DataType>& type, const uint64_t* words, int stride, const uint8_t* valid,
                                                      int64_t count, arrow::MemoryPool* pool) {
  if (type->id() == arrow::Type::NA) return arrow::ArrayData::Make(type, count, {nullptr}, count);
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(valid, count, pool));
  Result<std::shared_ptr<arrow::Buffer>> decoded = nullptr;
  VisitWordType(type->id(), [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if constexpr (std::is_same_v<T, bool>) {
      decoded = DecodeBits(words, stride, valid, count, pool);
    } else {
      decoded = Decode<T>(words, stride, valid, count, pool);
    }
  });
  ARROW_ASSIGN_OR_RAISE(auto buffer, decoded);
  return arrow::ArrayData::Make(type, count, {std::move(bitmap), std::move(buffer)});
}

bool MayBeNull(const arrow::ArrayData& values) {
  const auto id = values.type->id();
  return id == arrow::Type::NA || arrow::is_union(id) || values.MayHaveNulls();
}

void FillValid(const arrow::ArrayData& values, int64_t begin, int64_t count, uint8_t* valid) {
  if (!MayBeNull(values)) return std::fill_n(valid, count, uint8_t{1}), void();
  if (values.type->id() == arrow::Type::NA) return std::fill_n(valid, count, uint8_t{0}), void();
  if (arrow::is_union(values.type->id())) {
    const arrow::ArraySpan span(values);
    for (int64_t i = 0; i < count; ++i) valid[i] = span.IsValid(begin + i);
    return;
  }
  const uint8_t* bitmap = values.buffers[0]->data();
  for (int64_t i = 0; i < count; ++i) valid[i] = arrow::bit_util::GetBit(bitmap, values.offset + begin + i);
}

Result<std::shared_ptr<arrow::Buffer>> BitmapOf(const uint8_t* valid, int64_t count, arrow::MemoryPool* pool) {
  if (valid == nullptr || std::find(valid, valid + count, 0) == valid + count) return nullptr;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bitmap, arrow::AllocateBuffer(arrow::bit_util::BytesForBits(count), pool));
  std::memset(bitmap->mutable_data(), 0, static_cast<size_t>(bitmap->size()));
  for (int64_t i = 0; i < count; ++i) arrow::bit_util::SetBitTo(bitmap->mutable_data(), i, valid[i] != 0);
  return bitmap;
}

}  // namespace millstream
