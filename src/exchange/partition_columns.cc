#include "exchange/partition_columns.h"

#include <arrow/util/bitmap_builders.h>

#include <algorithm>
#include <cstring>

#include "column/gather.h"
#include "column/narrow.h"

namespace millstream {
namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kPrefetchedBytes = 1024;

struct Encoding {
  int width;
  int64_t base;
  bool operator==(const Encoding&) const = default;
};

/// The common encoding of all slices, or the full width if they differ.
Encoding CommonEncoding(const PartitionRows& rows, int column, int flat_width) {
  const ColumnSlice& first = rows.pieces.front().columns[column];
  Encoding common{first.width, first.base};
  for (const PartitionPiece& piece : rows.pieces) {
    if (Encoding{piece.columns[column].width, piece.columns[column].base} != common) return {flat_width, 0};
  }
  return common;
}

template <typename Stored, typename Value>
void WidenTo(const ColumnSlice& slice, int64_t count, uint8_t* out) {
  const Stored* from = reinterpret_cast<const Stored*>(slice.values);
  Value* to = reinterpret_cast<Value*>(out);
  const Value base = static_cast<Value>(slice.base);
  for (int64_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, from + i, sizeof(Stored));
    to[i] = base + static_cast<Value>(value);
  }
}

template <typename Value>
void Widen(const ColumnSlice& slice, int64_t count, uint8_t* out) {
  switch (slice.width) {
    case 1:
      return WidenTo<uint8_t, Value>(slice, count, out);
    case 2:
      return WidenTo<uint16_t, Value>(slice, count, out);
    case 4:
      return WidenTo<uint32_t, Value>(slice, count, out);
    default:
      return WidenTo<uint64_t, Value>(slice, count, out);
  }
}

/// Slices are short: the processor's own prefetching has hardly begun when one ends.
void Prefetch(const uint8_t* values, int64_t bytes) {
  for (int64_t at = 0; at < std::min(bytes, kPrefetchedBytes); at += kCacheLine) __builtin_prefetch(values + at);
}

void CopySlices(const PartitionRows& rows, int column, int flat_width, Encoding to, uint8_t* out) {
  for (size_t number = 0; number < rows.pieces.size(); ++number) {
    const PartitionPiece& piece = rows.pieces[number];
    const ColumnSlice& slice = piece.columns[column];
    if (number + 1 < rows.pieces.size()) {
      const PartitionPiece& next = rows.pieces[number + 1];
      Prefetch(next.columns[column].values, next.count * next.columns[column].width);
    }
    if (slice.width == to.width && slice.base == to.base) {
      std::memcpy(out, slice.values, piece.count * to.width);
    } else if (flat_width == 8) {
      Widen<uint64_t>(slice, piece.count, out);
    } else {
      Widen<uint32_t>(slice, piece.count, out);
    }
    out += piece.count * to.width;
  }
}

void CopyValid(const PartitionRows& rows, int column, uint8_t* out) {
  for (const PartitionPiece& piece : rows.pieces) {
    const uint8_t* valid = piece.columns[column].valid;
    if (valid == nullptr) std::memset(out, 1, piece.count);
    else std::memcpy(out, valid, piece.count);
    out += piece.count;
  }
}

Status MissingColumn(int column) {
  return MakeError(ErrorKind::kCorruptData, "the shuffle lost column number " + std::to_string(column) + " of a piece");
}

}  // namespace

Result<PartitionColumn> PartitionColumn::Make(const PartitionRows& rows, int column, int flat_width,
                                              const std::shared_ptr<arrow::DataType>& storage_type,
                                              const std::shared_ptr<BudgetPool>& pool) {
  PartitionColumn out;
  out.flat_width_ = flat_width;
  if (flat_width == 0) {
    std::vector<std::shared_ptr<arrow::ArrayData>> slices;
    for (const PartitionPiece& piece : rows.pieces) {
      if (piece.columns[column].array == nullptr) return MissingColumn(column);
      slices.push_back(piece.columns[column].array);
    }
    ARROW_ASSIGN_OR_RAISE(out.array_, Concatenate(slices, storage_type, pool.get()));
    return out;
  }
  if (rows.count == 0) return out;
  bool nulls = false;
  for (const PartitionPiece& piece : rows.pieces) {
    if (piece.columns[column].values == nullptr) return MissingColumn(column);
    nulls |= piece.columns[column].valid != nullptr;
  }
  const Encoding encoding = CommonEncoding(rows, column, flat_width);
  out.width_ = encoding.width;
  out.base_ = encoding.base;
  if (rows.pieces.size() == 1) {
    out.values_ = rows.pieces.front().columns[column].values;
    out.valid_ = rows.pieces.front().columns[column].valid;
    return out;
  }
  ARROW_ASSIGN_OR_RAISE(out.values_joined_, pool->AllocateOwned(rows.count * encoding.width));
  CopySlices(rows, column, flat_width, encoding, out.values_joined_->mutable_data());
  out.values_ = out.values_joined_->data();
  if (nulls) {
    ARROW_ASSIGN_OR_RAISE(out.valid_joined_, pool->AllocateOwned(rows.count));
    CopyValid(rows, column, out.valid_joined_->mutable_data());
    out.valid_ = out.valid_joined_->data();
  }
  return out;
}

void PartitionColumn::GatherFlat(const PartitionOrder& order, int64_t begin, int64_t count, uint8_t* values) const {
  if (count == 0) return;
  const uint32_t* positions = order.positions() + begin;
  if (flat_width_ == 8) {
    GatherWiden<int64_t>(values_, width_, base_, positions, count, reinterpret_cast<int64_t*>(values));
  } else {
    GatherWiden<int32_t>(values_, width_, static_cast<int32_t>(base_), positions, count, reinterpret_cast<int32_t*>(values));
  }
}

void PartitionColumn::GatherValid(const PartitionOrder& order, int64_t begin, int64_t count, uint8_t* valid) const {
  if (count > 0) GatherBytes(valid_, 1, order.positions() + begin, count, valid);
}

Result<std::shared_ptr<arrow::ArrayData>> PartitionColumn::GatherArray(const PartitionOrder& order, int64_t begin, int64_t count,
                                                                       arrow::MemoryPool* pool) const {
  return Gather(*array_, order.positions() + begin, count, pool);
}

Result<std::shared_ptr<arrow::ArrayData>> WholeColumn(const PartitionRows& rows, int column, int flat_width, const std::shared_ptr<arrow::DataType>& storage_type,
                                                      const std::shared_ptr<BudgetPool>& pool) {
  if (flat_width == 0) {
    ARROW_ASSIGN_OR_RAISE(auto whole, PartitionColumn::Make(rows, column, flat_width, storage_type, pool));
    return whole.array();
  }
  bool nulls = false;
  for (const PartitionPiece& piece : rows.pieces) {
    if (piece.columns[column].values == nullptr) return MissingColumn(column);
    nulls |= piece.columns[column].valid != nullptr;
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(rows.count * flat_width, pool.get()));
  CopySlices(rows, column, flat_width, {flat_width, 0}, values->mutable_data());
  std::shared_ptr<arrow::Buffer> bits;
  if (nulls) {
    ARROW_ASSIGN_OR_RAISE(const auto valid, pool->AllocateOwned(rows.count));
    CopyValid(rows, column, valid->mutable_data());
    ARROW_ASSIGN_OR_RAISE(bits, arrow::internal::BytesToBits({valid->data(), static_cast<size_t>(rows.count)}, pool.get()));
  }
  return arrow::ArrayData::Make(storage_type, rows.count, {std::move(bits), std::move(values)});
}

}  // namespace millstream
