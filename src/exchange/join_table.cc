#include "exchange/join_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "aggregate/key_hash.h"
#include "aggregate/ordered_word.h"
#include "column/assemble.h"
#include "column/gather.h"

namespace millstream {

Status JoinKeys::Fill(const std::vector<std::shared_ptr<arrow::ArrayData>>& columns) {
  const int64_t count = columns.front()->length;
  has_words_ = columns.size() == 1 && HasWords(*columns.front()->type);
  has_nulls_ = std::any_of(columns.begin(), columns.end(), [](const auto& column) { return column->type->id() == arrow::Type::NA || column->GetNullCount() > 0; });
  ARROW_RETURN_NOT_OK(hashes_.Resize(count));
  if (has_nulls_) {
    ARROW_RETURN_NOT_OK(valid_.Resize(count));
    std::fill_n(valid_.data(), count, 1);
    std::vector<uint8_t> valid(static_cast<size_t>(count));
    for (const auto& column : columns) {
      FillValid(*column, 0, count, valid.data());
      for (int64_t row = 0; row < count; ++row) valid_[row] &= valid[static_cast<size_t>(row)];
    }
  }
  if (has_words_) {
    ARROW_RETURN_NOT_OK(words_.Resize(count));
    EncodeWords(*columns.front(), 0, count, 1, words_.data());
    for (int64_t row = 0; row < count; ++row) hashes_[row] = HashWord(words_[row]);
    return Status::OK();
  }
  std::vector<const arrow::ArrayData*> pointers;
  for (const auto& column : columns) pointers.push_back(column.get());
  ARROW_RETURN_NOT_OK(rows_.Encode(pointers, 0, count));
  for (int64_t row = 0; row < count; ++row) {
    const std::string_view bytes = rows_[row];
    hashes_[row] = HashBytes(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int64_t>(bytes.size()));
  }
  return Status::OK();
}

Status JoinKeys::Fill(const arrow::RecordBatch& batch, const std::vector<int>& columns) {
  std::vector<std::shared_ptr<arrow::ArrayData>> stored;
  for (const int column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto values, ToStorage(batch.column_data(column), arrow::default_memory_pool()));
    stored.push_back(std::move(values));
  }
  return Fill(stored);
}

int64_t JoinTableSize::Add(const arrow::RecordBatch& batch, const std::vector<int>& keys) {
  const int64_t batch_bytes = RowBytes(batch);
  for (const int key : keys) key_bytes += RowBytes(*batch.column_data(key), 0, batch.num_rows());
  bytes += batch_bytes;
  rows += batch.num_rows();
  return batch_bytes;
}

Result<std::shared_ptr<JoinTable>> JoinTable::Make(std::shared_ptr<arrow::Schema> schema, std::vector<std::shared_ptr<arrow::RecordBatch>> batches,
                                                   const std::vector<int>& keys, arrow::MemoryPool* pool) {
  std::shared_ptr<JoinTable> table(new JoinTable(std::move(schema), pool));
  table->columns_.resize(static_cast<size_t>(table->schema_->num_fields()));
  std::vector<std::shared_ptr<arrow::RecordBatch>> piece;
  int64_t piece_rows = 0;
  for (auto& batch : batches) {
    if (table->rows_ + piece_rows + batch->num_rows() >= kNone) return MakeError(ErrorKind::kInvalidArgument, "a join holds at most 4,294,967,294 rows of one side");
    piece_rows += batch->num_rows();
    piece.push_back(std::move(batch));
    if (piece_rows < kPieceRows) continue;
    ARROW_RETURN_NOT_OK(table->AddPiece(std::exchange(piece, {}), pool));
    piece_rows = 0;
  }
  if (piece_rows > 0 || table->rows_ == 0) ARROW_RETURN_NOT_OK(table->AddPiece(piece, pool));
  if (!keys.empty()) ARROW_RETURN_NOT_OK(table->FillKeys(keys, pool));
  ARROW_RETURN_NOT_OK(table->Link());
  return table;
}

Status JoinTable::AddPiece(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches, arrow::MemoryPool* pool) {
  const auto begin = static_cast<uint32_t>(rows_);
  for (const auto& batch : batches) rows_ += batch->num_rows();
  for (int column = 0; column < schema_->num_fields(); ++column) {
    const auto type = StorageType(schema_->field(column)->type());
    Sources parts;
    for (const auto& batch : batches) {
      ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch->column_data(column), pool));
      parts.push_back(std::move(stored));
    }
    if (parts.size() != 1) {
      ARROW_ASSIGN_OR_RAISE(auto whole, Concatenate(parts, type, pool));
      parts.assign(1, std::move(whole));
    }
    columns_[static_cast<size_t>(column)].push_back(std::move(parts.front()));
  }
  while (static_cast<int64_t>(piece_at_.size()) * kPieceRows < rows_) piece_at_.push_back(static_cast<uint32_t>(begins_.size()));
  begins_.push_back(begin);
  return Status::OK();
}

Status JoinTable::FillKeys(const std::vector<int>& keys, arrow::MemoryPool* pool) {
  Sources columns;
  for (const int key : keys) {
    const Sources& pieces = columns_[static_cast<size_t>(key)];
    if (pieces.size() == 1) {
      columns.push_back(pieces.front());
    } else {
      ARROW_ASSIGN_OR_RAISE(auto whole, Concatenate(pieces, pieces.front()->type, pool));
      columns.push_back(std::move(whole));
    }
  }
  return keys_.Fill(columns);
}

Status JoinTable::Link() {
  const uint64_t buckets = std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(rows_, 1))) * 2;
  mask_ = buckets - 1;
  const uint64_t words = std::bit_ceil(static_cast<uint64_t>(rows_ / kRowsOfFilterWord + 1));
  filter_mask_ = words - 1;
  ARROW_RETURN_NOT_OK(filter_.Grow(static_cast<int64_t>(words), 0));
  ARROW_RETURN_NOT_OK(heads_.Grow(static_cast<int64_t>(buckets), kNone));
  ARROW_RETURN_NOT_OK(next_.Grow(std::max<int64_t>(rows_, 1), kNone));
  marks_ = std::make_unique<std::atomic<uint8_t>[]>(static_cast<size_t>(rows_));
  // From the last row on, so that chains are in the order of the rows.
  for (int64_t row = rows_ - 1; row >= 0; --row) {
    if (keys_.IsNull(row)) continue;
    const uint64_t hash = keys_.hash(row);
    filter_[static_cast<int64_t>(hash >> kFilterShift & filter_mask_)] |= FilterBits(hash);
    uint32_t& head = heads_[static_cast<int64_t>(hash & mask_)];
    next_[row] = head;
    head = static_cast<uint32_t>(row);
  }
  return Status::OK();
}

void JoinTable::FindFirst(const JoinKeys& keys, int64_t begin, int64_t count, uint32_t* found) const {
  // Each step for all keys before the next one, so that what they wait for from memory comes at the same time.
  std::array<uint32_t, kLookupRows> likely;
  int64_t likely_count = 0;
  for (int64_t i = 0; i < count; ++i) {
    found[i] = kNone;
    likely[static_cast<size_t>(likely_count)] = static_cast<uint32_t>(i);
    likely_count += static_cast<int64_t>(MayHave(keys.hash(begin + i))) & static_cast<int64_t>(!keys.IsNull(begin + i));
  }
  const auto head = [&](uint32_t i) { return heads_.data() + (keys.hash(begin + i) & mask_); };
  for (int64_t k = 0; k < likely_count; ++k) __builtin_prefetch(head(likely[static_cast<size_t>(k)]));
  for (int64_t k = 0; k < likely_count; ++k) {
    const uint32_t i = likely[static_cast<size_t>(k)];
    found[i] = *head(i);
    if (found[i] != kNone) keys_.Prefetch(found[i]);
  }
  for (int64_t k = 0; k < likely_count; ++k) {
    const uint32_t i = likely[static_cast<size_t>(k)];
    found[i] = Matching(keys, begin + i, found[i]);
  }
}

std::vector<uint32_t> JoinTable::FirstRows() const {
  std::vector<uint32_t> rows;
  std::array<uint32_t, kLookupRows> found;
  for (int64_t begin = 0; begin < rows_; begin += kLookupRows) {
    const int64_t count = std::min(kLookupRows, rows_ - begin);
    FindFirst(keys_, begin, count, found.data());
    for (int64_t i = 0; i < count; ++i) {
      if (found[static_cast<size_t>(i)] == static_cast<uint32_t>(begin + i)) rows.push_back(found[static_cast<size_t>(i)]);
    }
  }
  return rows;
}

Result<OwnedSelection> JoinTable::Locate(const std::vector<uint32_t>& rows) const {
  const auto count = static_cast<int64_t>(rows.size());
  if (begins_.size() == 1) {
    const bool has_absent = std::find(rows.begin(), rows.end(), kAbsentIndex) != rows.end();
    return OwnedSelection::OfIndices(arrow::Buffer::Wrap(rows), count, has_absent);
  }
  auto spans = std::make_unique<SpanList>(arrow::default_memory_pool());
  for (const uint32_t row : rows) {
    if (row == kNone) {
      spans->AppendAbsent(1);
      continue;
    }
    // Pieces but the last have kPieceRows rows or more, so that at most one more begins up to the row.
    size_t piece = piece_at_[row / kPieceRows];
    while (piece + 1 < begins_.size() && begins_[piece + 1] <= row) ++piece;
    spans->Append(static_cast<int64_t>(piece), row - begins_[piece], 1);
  }
  return OwnedSelection::OfSpans(std::move(spans));
}

Result<std::shared_ptr<arrow::ArrayData>> JoinTable::Gather(int column, const OwnedSelection& rows, arrow::MemoryPool* pool) const {
  const Sources& pieces = columns_[static_cast<size_t>(column)];
  const auto& type = pieces.front()->type;
  ARROW_ASSIGN_OR_RAISE(auto stored, Assemble(Part{type, type, pieces, true}, rows.rows(), pool));
  return FromStorage(stored, schema_->field(column)->type(), pool);
}

}  // namespace millstream
