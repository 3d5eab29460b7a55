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
#include "column/selection.h"

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
  void Prefetch(int64_t row) const {
    if (has_words_) __builtin_prefetch(words_.data() + row);
  }
  bool Equal(int64_t i, const JoinKeys& other, int64_t j) const { return has_words_ ? words_[i] == other.words_[j] : rows_[i] == other.rows_[j]; }

 private:
  bool has_words_ = false;
  bool has_nulls_ = false;
  PoolVector<uint64_t> words_;
  PoolVector<uint8_t> valid_;
  EncodedRows rows_;
  PoolVector<uint64_t> hashes_;
};

/// Memory for a table of so many rows of so many bytes together, of which those of the keys are copied twice.
constexpr int64_t JoinTableBytes(int64_t bytes, int64_t key_bytes, int64_t rows) { return bytes + 2 * key_bytes + 48 * rows; }

/// Of the rows that a table is to be made of.
struct JoinTableSize {
  int64_t bytes = 0;
  int64_t key_bytes = 0;
  int64_t rows = 0;

  /// The bytes of the batch, which are counted from now on; `keys`: its key columns.
  int64_t Add(const arrow::RecordBatch& batch, const std::vector<int>& keys);
  int64_t table_bytes() const { return JoinTableBytes(bytes, key_bytes, rows); }
};

class JoinTable {
 public:
  /// `batches` of `schema`, in order; `keys`: their key columns, one at least where there are rows. The table shares the memory of large batches and copies small
  /// ones together. Memory comes from `pool`, which must outlive the table.
  static Result<std::shared_ptr<JoinTable>> Make(std::shared_ptr<arrow::Schema> schema, std::vector<std::shared_ptr<arrow::RecordBatch>> batches,
                                                 const std::vector<int>& keys, arrow::MemoryPool* pool);

  /// Of a piece, at least: each is a source to look at for every batch of the result. Larger batches are shared.
  static constexpr int64_t kPieceRows = 16384;

  int64_t rows() const { return rows_; }
  static constexpr uint32_t kNone = UINT32_MAX;
  /// The first row, in their order, whose key is that of each of `count` <= kLookupRows rows of `keys` from `begin` on; kNone where there is none.
  void FindFirst(const JoinKeys& keys, int64_t begin, int64_t count, uint32_t* found) const;
  static constexpr int64_t kLookupRows = 4096;
  /// The next one after `found`.
  uint32_t Next(const JoinKeys& keys, int64_t row, uint32_t found) const { return Matching(keys, row, next_[found]); }

  /// The first row of each key, in their order; none of those with nulls.
  std::vector<uint32_t> FirstRows() const;

  void Mark(uint32_t row) { marks_[row].store(1, std::memory_order_relaxed); }
  bool marked(uint32_t row) const { return marks_[row].load(std::memory_order_relaxed) != 0; }

  /// A column of all rows, in storage form, in pieces.
  const Sources& column(int index) const { return columns_[index]; }
  /// Where these rows are, to gather any column of them; kNone gives a null. The selection may point into `rows`.
  Result<OwnedSelection> Locate(const std::vector<uint32_t>& rows) const;
  /// Values of a column, of the declared type.
  Result<std::shared_ptr<arrow::ArrayData>> Gather(int column, const OwnedSelection& rows, arrow::MemoryPool* pool) const;

 private:
  explicit JoinTable(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool) : schema_(std::move(schema)), keys_(pool), filter_(pool), heads_(pool), next_(pool) {}
  Status AddPiece(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches, arrow::MemoryPool* pool);
  Status FillKeys(const std::vector<int>& keys, arrow::MemoryPool* pool);
  Status Link();
  uint32_t Matching(const JoinKeys& keys, int64_t row, uint32_t candidate) const {
    while (candidate != kNone && !keys.Equal(row, keys_, candidate)) candidate = next_[candidate];
    return candidate;
  }

  /// False for most keys that are not there, from memory that is more likely in the cache than `heads_`.
  bool MayHave(uint64_t hash) const {
    const uint64_t bits = FilterBits(hash);
    return (filter_[static_cast<int64_t>(hash >> kFilterShift & filter_mask_)] & bits) == bits;
  }
  /// Two of the word's bits. The lowest bits of the hash choose the head, others the word.
  static uint64_t FilterBits(uint64_t hash) { return uint64_t{1} << (hash & 63) | uint64_t{1} << (hash >> 6 & 63); }
  static constexpr int kFilterShift = 12;
  static constexpr int kRowsOfFilterWord = 8;

  const std::shared_ptr<arrow::Schema> schema_;
  int64_t rows_ = 0;
  std::vector<Sources> columns_;     // in storage form, cut at the same rows
  std::vector<uint32_t> begins_;     // of the pieces
  std::vector<uint32_t> piece_at_;   // of each kPieceRows-th row
  JoinKeys keys_;
  uint64_t filter_mask_ = 0;
  PoolVector<uint64_t> filter_;
  uint64_t mask_ = 0;
  PoolVector<uint32_t> heads_;  // by hash
  PoolVector<uint32_t> next_;   // of the same chain
  std::unique_ptr<std::atomic<uint8_t>[]> marks_;
};

}  // namespace millstream
