#pragma once
/// The rows of one side of a join, found by their keys.
///
/// Keys match where all their columns are equal and none is null; NaN matches NaN, -0.0 matches 0.0. Immutable once made, but for the marks of rows that were
/// matched; any thread.

#include <arrow/record_batch.h>

#include <atomic>
#include <memory>
#include <vector>

#include "aggregate/ordered_bytes.h"
#include "aggregate/pool_vector.h"
#include "base/status.h"

namespace millstream {

/// The key columns of some rows, as words or bytes that are equal where the keys are.
class JoinKeys {
 public:
  explicit JoinKeys(arrow::MemoryPool* pool) : words_(pool), valid_(pool), rows_(pool), hashes_(pool) {}
  /// `columns` in storage form, all of the same length.
  Status Fill(const std::vector<std::shared_ptr<arrow::ArrayData>>& columns);
  /// Those columns of the batch, of any type that has an order.
  Status Fill(const arrow::RecordBatch& batch, const std::vector<int>& columns);

  int64_t count() const { return hashes_.size(); }
  bool IsNull(int64_t row) const { return has_nulls_ && valid_[row] == 0; }
  uint64_t hash(int64_t row) const { return hashes_[row]; }
  bool Equal(int64_t i, const JoinKeys& other, int64_t j) const { return has_words_ ? words_[i] == other.words_[j] : rows_[i] == other.rows_[j]; }

 private:
  bool has_words_ = false;
  bool has_nulls_ = false;
  PoolVector<uint64_t> words_;
  PoolVector<uint8_t> valid_;
  EncodedRows rows_;
  PoolVector<uint64_t> hashes_;
};

/// Memory for a table of so many rows of so many bytes together, with the batches that it is made of.
constexpr int64_t JoinTableBytes(int64_t bytes, int64_t rows) { return 2 * bytes + 40 * rows; }

class JoinTable {
 public:
  /// `batches` of `schema`, in order; `keys`: their key columns, one at least where there are rows. Memory comes from `pool`, which must outlive the table. Where
  /// nobody else holds the batches each column's memory is free once it has been copied, for the next one's copy.
  static Result<std::shared_ptr<JoinTable>> Make(std::shared_ptr<arrow::Schema> schema, std::vector<std::shared_ptr<arrow::RecordBatch>> batches,
                                                 const std::vector<int>& keys, arrow::MemoryPool* pool);

  int64_t rows() const { return rows_; }
  /// The first row, in their order, whose key is that of row `row` of `keys`; kNone where there is none.
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t First(const JoinKeys& keys, int64_t row) const {
    if (keys.IsNull(row)) return kNone;
    return Matching(keys, row, heads_[keys.hash(row) & mask_]);
  }
  /// Brings what First will look at for a row so many rows ahead into the cache.
  static constexpr int64_t kPrefetchRows = 16;
  void Prefetch(const JoinKeys& keys, int64_t row) const {
    if (row < keys.count()) __builtin_prefetch(&heads_[keys.hash(row) & mask_]);
  }
  /// The next one after `found`.
  uint32_t Next(const JoinKeys& keys, int64_t row, uint32_t found) const { return Matching(keys, row, next_[found]); }

  /// The first row of each key, in their order; none of those with nulls.
  std::vector<uint32_t> FirstRows() const;

  void Mark(uint32_t row) { marks_[row].store(1, std::memory_order_relaxed); }
  bool marked(uint32_t row) const { return marks_[row].load(std::memory_order_relaxed) != 0; }

  /// A column of all rows, in storage form.
  std::shared_ptr<arrow::ArrayData> column(int index) const { return columns_[index]->Slice(0, rows_); }
  /// Values of a column for these rows, of the declared type; the number of rows there are gives a null.
  Result<std::shared_ptr<arrow::ArrayData>> Gather(int column, const uint32_t* rows, int64_t count, arrow::MemoryPool* pool) const;

 private:
  explicit JoinTable(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool) : schema_(std::move(schema)), keys_(pool), heads_(pool), next_(pool) {}
  Status Link();
  uint32_t Matching(const JoinKeys& keys, int64_t row, uint32_t candidate) const {
    while (candidate != kNone && !keys.Equal(row, keys_, candidate)) candidate = next_[candidate];
    return candidate;
  }

  const std::shared_ptr<arrow::Schema> schema_;
  int64_t rows_ = 0;
  std::vector<std::shared_ptr<arrow::ArrayData>> columns_;  // in storage form, with a null behind the last row
  JoinKeys keys_;
  uint64_t mask_ = 0;
  PoolVector<uint32_t> heads_;  // by hash
  PoolVector<uint32_t> next_;   // of the same chain
  std::unique_ptr<std::atomic<uint8_t>[]> marks_;
};

}  // namespace millstream
