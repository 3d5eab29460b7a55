#pragma once
/// The columns that rows are sorted by, as values that compare fast.

#include <arrow/array/data.h>

#include <memory>
#include <optional>
#include <vector>

#include "aggregate/ordered_bytes.h"
#include "aggregate/pool_vector.h"

namespace millstream {

struct SortDirection {
  bool descending = false;
  bool nulls_first = false;  // in either direction
};

/// One column of some rows. NaN comes after all other numbers (before them in descending order), -0.0 is 0.0.
class SortColumn {
 public:
  SortColumn(SortDirection direction, arrow::MemoryPool* pool) : direction_(direction), words_(pool), valid_(pool), rows_(pool) {}

  /// `values` in storage form.
  Status Fill(const arrow::ArrayData& values);

  /// Below, at or above zero as row `i` comes before, beside or after row `j` of `other`, a column of the same type and direction.
  int Compare(int64_t i, const SortColumn& other, int64_t j) const;
  /// A word that is never greater than that of a row which comes later.
  uint64_t Prefix(int64_t row) const;
  /// Whether rows whose prefixes are equal are equal.
  bool prefixes_tell() const { return prefixes_tell_; }

 private:
  bool IsNull(int64_t row) const { return has_words_ ? has_nulls_ && valid_[row] == 0 : rows_[row][0] != 0; }

  SortDirection direction_;
  bool has_words_ = false;
  bool has_nulls_ = false;
  bool prefixes_tell_ = false;
  int shift_ = 0;  // of words, so that their greatest byte is the prefix's
  PoolVector<uint64_t> words_;
  PoolVector<uint8_t> valid_;
  EncodedRows rows_;
};

/// All of them. Without columns all rows are equal.
class SortKeyRows {
 public:
  SortKeyRows(const std::vector<SortDirection>& directions, arrow::MemoryPool* pool);
  Status Fill(const std::vector<std::shared_ptr<arrow::ArrayData>>& columns);

  uint64_t Prefix(int64_t row) const { return columns_.empty() ? 0 : columns_.front().Prefix(row); }
  /// Whether rows whose prefixes are equal are equal in all columns.
  bool prefixes_tell() const { return columns_.empty() || (columns_.size() == 1 && columns_.front().prefixes_tell()); }
  int Compare(int64_t i, const SortKeyRows& other, int64_t j) const;
  int64_t count() const { return count_; }

 private:
  std::vector<SortColumn> columns_;
  int64_t count_ = 0;
};

}  // namespace millstream
