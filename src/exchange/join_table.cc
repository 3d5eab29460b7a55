#include "exchange/join_table.h"

#include <arrow/array/util.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "aggregate/key_hash.h"
#include "aggregate/ordered_word.h"
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

Result<std::shared_ptr<JoinTable>> JoinTable::Make(std::shared_ptr<arrow::Schema> schema, std::vector<std::shared_ptr<arrow::RecordBatch>> batches,
                                                   const std::vector<int>& keys, arrow::MemoryPool* pool) {
  std::shared_ptr<JoinTable> table(new JoinTable(std::move(schema), pool));
  std::vector<std::vector<std::shared_ptr<arrow::ArrayData>>> columns(static_cast<size_t>(table->schema_->num_fields()));
  for (auto& batch : batches) {
    table->rows_ += batch->num_rows();
    for (int column = 0; column < batch->num_columns(); ++column) columns[column].push_back(batch->column_data(column));
    batch.reset();
  }
  if (table->rows_ >= kNone) return MakeError(ErrorKind::kInvalidArgument, "a join holds at most 4,294,967,294 rows of one side");
  std::vector<std::shared_ptr<arrow::ArrayData>> key_columns;
  for (int column = 0; column < table->schema_->num_fields(); ++column) {
    const auto type = StorageType(table->schema_->field(column)->type());
    std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
    for (auto& values : std::exchange(columns[column], {})) {
      ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(values, pool));
      pieces.push_back(std::move(stored));
    }
    ARROW_ASSIGN_OR_RAISE(const auto null, arrow::MakeArrayOfNull(type, 1, pool));
    pieces.push_back(null->data());
    ARROW_ASSIGN_OR_RAISE(auto whole, Concatenate(pieces, type, pool));
    table->columns_.push_back(std::move(whole));
  }
  for (const int key : keys) key_columns.push_back(table->columns_[key]->Slice(0, table->rows_));
  if (!key_columns.empty()) ARROW_RETURN_NOT_OK(table->keys_.Fill(key_columns));
  ARROW_RETURN_NOT_OK(table->Link());
  return table;
}

Status JoinTable::Link() {
  const uint64_t buckets = std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(rows_, 1))) * 2;
  mask_ = buckets - 1;
  ARROW_RETURN_NOT_OK(heads_.Grow(static_cast<int64_t>(buckets), kNone));
  ARROW_RETURN_NOT_OK(next_.Grow(std::max<int64_t>(rows_, 1), kNone));
  marks_ = std::make_unique<std::atomic<uint8_t>[]>(static_cast<size_t>(rows_));
  // From the last row on, so that chains are in the order of the rows.
  for (int64_t row = rows_ - 1; row >= 0; --row) {
    if (keys_.IsNull(row)) continue;
    uint32_t& head = heads_[static_cast<int64_t>(keys_.hash(row) & mask_)];
    next_[row] = head;
    head = static_cast<uint32_t>(row);
  }
  return Status::OK();
}

std::vector<uint32_t> JoinTable::FirstRows() const {
  std::vector<uint32_t> rows;
  for (int64_t row = 0; row < rows_; ++row) {
    if (First(keys_, row) == static_cast<uint32_t>(row)) rows.push_back(static_cast<uint32_t>(row));
  }
  return rows;
}

Result<std::shared_ptr<arrow::ArrayData>> JoinTable::Gather(int column, const uint32_t* rows, int64_t count, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(auto stored, millstream::Gather(*columns_[column], rows, count, pool));
  return FromStorage(stored, schema_->field(column)->type(), pool);
}

}  // namespace millstream
