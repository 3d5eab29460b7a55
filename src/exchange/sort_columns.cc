#include "exchange/sort_columns.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

uint64_t BytesAsWord(std::string_view bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), std::min<size_t>(bytes.size(), 8));
  return __builtin_bswap64(word);
}

}  // namespace

Status SortColumn::Fill(const arrow::ArrayData& values) {
  has_words_ = HasWords(*values.type);
  if (!has_words_) return rows_.Encode({&values}, 0, values.length);
  shift_ = 64 - 8 * WordBytes(*values.type);
  has_nulls_ = values.type->id() == arrow::Type::NA || values.GetNullCount() > 0;
  // A null's prefix is that of the greatest or least value.
  prefixes_tell_ = !has_nulls_;
  ARROW_RETURN_NOT_OK(words_.Resize(values.length));
  EncodeWords(values, 0, values.length, 1, words_.data());
  if (!has_nulls_) return Status::OK();
  ARROW_RETURN_NOT_OK(valid_.Resize(values.length));
  FillValid(values, 0, values.length, valid_.data());
  return Status::OK();
}

uint64_t SortColumn::Prefix(int64_t row) const {
  if (IsNull(row)) return direction_.nulls_first ? 0 : UINT64_MAX;
  const uint64_t word = has_words_ ? words_[row] << shift_ : BytesAsWord(rows_[row].substr(1));
  return direction_.descending ? ~word : word;
}

int SortColumn::Compare(int64_t i, const SortColumn& other, int64_t j) const {
  const bool null_i = IsNull(i);
  const bool null_j = other.IsNull(j);
  if (null_i || null_j) return null_i == null_j ? 0 : null_i == direction_.nulls_first ? -1 : 1;
  int order;
  if (has_words_) {
    order = words_[i] == other.words_[j] ? 0 : words_[i] < other.words_[j] ? -1 : 1;
  } else {
    order = rows_[i].compare(other.rows_[j]);
  }
  return direction_.descending ? -order : order;
}

SortKeyRows::SortKeyRows(const std::vector<SortDirection>& directions, arrow::MemoryPool* pool) {
  columns_.reserve(directions.size());
  for (const SortDirection& direction : directions) columns_.emplace_back(direction, pool);
}

Status SortKeyRows::Fill(const std::vector<std::shared_ptr<arrow::ArrayData>>& columns) {
  count_ = columns.front()->length;
  for (size_t column = 0; column < columns.size(); ++column) ARROW_RETURN_NOT_OK(columns_[column].Fill(*columns[column]));
  return Status::OK();
}

int SortKeyRows::Compare(int64_t i, const SortKeyRows& other, int64_t j) const {
  for (size_t column = 0; column < columns_.size(); ++column) {
    if (const int order = columns_[column].Compare(i, other.columns_[column], j)) return order;
  }
  return 0;
}

}  // namespace millstream
