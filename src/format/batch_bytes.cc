#include "format/batch_bytes.h"

#include <algorithm>

#include "column/gather.h"
#include "memory/budget_pool.h"

namespace millstream {
namespace {

constexpr int64_t kVaryingBytesGuess = 32;

struct BufferSizes {
  int64_t used = 0;
  int64_t held = 0;
  void Add(const arrow::ArrayData& data) {
    for (const auto& buffer : data.buffers) {
      if (buffer == nullptr) continue;
      used += buffer->size();
      held += BudgetPool::ChargedBytes(buffer->size());
    }
    for (const auto& child : data.child_data) Add(*child);
    if (data.dictionary != nullptr) Add(*data.dictionary);
  }
};

/// A batch whose columns lie in buffers larger by so much is a part of more.
constexpr double kPartRatio = 1.1;
constexpr int64_t kPartBytes = 4 << 10;

}  // namespace

int64_t ValueBytesGuess(const arrow::DataType& type) {
  if (type.id() == arrow::Type::EXTENSION) return ValueBytesGuess(*static_cast<const arrow::ExtensionType&>(type).storage_type());
  if (type.id() == arrow::Type::FIXED_SIZE_LIST) {
    const auto& list = static_cast<const arrow::FixedSizeListType&>(type);
    return 1 + list.list_size() * ValueBytesGuess(*list.value_type());
  }
  if (type.id() == arrow::Type::STRUCT) {
    int64_t bytes = 1;
    for (const auto& field : type.fields()) bytes += ValueBytesGuess(*field->type());
    return bytes;
  }
  if (type.id() == arrow::Type::DICTIONARY || !arrow::is_fixed_width(type.id())) return kVaryingBytesGuess;
  return std::max(type.bit_width() / 8, 1);
}

int64_t RowBytesGuess(const arrow::Schema& schema) {
  int64_t bytes = 1;
  for (const auto& field : schema.fields()) bytes += ValueBytesGuess(*field->type());
  return bytes;
}

int64_t HeldBytes(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  for (const auto& column : batch.columns()) {
    BufferSizes sizes;
    sizes.Add(*column->data());
    const int64_t rows_bytes = RowBytes(*column->data(), 0, batch.num_rows());
    // Buffers may be shared, or hold more than these rows.
    bytes += sizes.used > rows_bytes ? static_cast<int64_t>(static_cast<double>(sizes.held) * static_cast<double>(rows_bytes) / static_cast<double>(sizes.used))
                                     : std::max(sizes.held, rows_bytes);
  }
  return bytes;
}

bool IsPartOfMore(const arrow::RecordBatch& batch) {
  for (const auto& column : batch.columns()) {
    BufferSizes sizes;
    sizes.Add(*column->data());
    if (static_cast<double>(sizes.used) > static_cast<double>(RowBytes(*column->data(), 0, batch.num_rows())) * kPartRatio + kPartBytes) return true;
  }
  return false;
}

}  // namespace millstream
