#pragma once
/// The rows of one side of a join in the order of a hash of their keys, some of them at a time, as a table.

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "exchange/join_table.h"
#include "exec/polled_stream.h"
#include "memory/budget_pool.h"

namespace millstream {

/// Rows in the exchange of a join have two more columns at their end, the hash of their keys (uint64) and their number (int64).
constexpr int kJoinExtraColumns = 2;
inline int JoinHashColumn(const arrow::Schema& schema) { return schema.num_fields() - 2; }
inline int JoinNumberColumn(const arrow::Schema& schema) { return schema.num_fields() - 1; }

/// A batch of rows in the order of their hashes.
class HashedBatch {
 public:
  explicit HashedBatch(std::shared_ptr<arrow::RecordBatch> batch);
  const std::shared_ptr<arrow::RecordBatch>& batch() const { return batch_; }
  int64_t rows() const { return batch_->num_rows(); }
  uint64_t first() const { return hashes_[0]; }
  uint64_t last() const { return hashes_[rows() - 1]; }
  /// The number of rows below the hash, and up to it.
  int64_t RowsBelow(uint64_t hash) const;
  int64_t RowsUpTo(uint64_t hash) const;
  HashedBatch Slice(int64_t begin, int64_t end) const { return HashedBatch(batch_->Slice(begin, end - begin)); }

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  const uint64_t* hashes_;
};

/// A sorted side that is taken in parts of any size.
class HashedRows {
 public:
  explicit HashedRows(PolledStreamPtr stream) : stream_(std::move(stream)) {}

  PolledStream& stream() const { return *stream_; }
  /// There are rows to take, or it has ended; false where the waker was kept.
  Result<bool> Fill(const Waker& waker);
  /// After Fill: the next rows, null at the end.
  const HashedBatch* next() const { return batches_.empty() ? nullptr : &batches_.front(); }
  /// The next rows' first `rows`.
  HashedBatch Take(int64_t rows);
  void PutBack(HashedBatch batch) { batches_.push_front(std::move(batch)); }

 private:
  const PolledStreamPtr stream_;
  std::deque<HashedBatch> batches_;
  bool ended_ = false;
};

/// Rows of a range of hashes, as many as there is room for. All of a hash, unless these alone are too many: then it is a part of those, and has no others.
class JoinRange {
 public:
  /// `keys`: of the table. Memory of `pool` for the rows and their table: `memory_bytes`, within its floor.
  JoinRange(HashedRows* rows, std::vector<std::string> keys, std::shared_ptr<BudgetPool> pool, int64_t memory_bytes)
      : rows_(rows), keys_(std::move(keys)), pool_(std::move(pool)), memory_bytes_(memory_bytes) {}
  ~JoinRange() { Clear(); }

  /// False where the waker was kept: to be called again.
  Result<bool> Fill(const Waker& waker);
  /// Rows of the other side up to this hash have their matches here.
  uint64_t last_hash() const { return last_hash_; }
  /// There are more rows of that hash: what is here is a part of them.
  bool goes_on() const { return goes_on_; }
  /// There are no more rows after these.
  bool at_end() const { return at_end_; }

  Result<std::shared_ptr<JoinTable>> MakeTable() const;
  /// Leaves one row of each key in place of all that are here, to go on with Fill.
  Status KeepFirstOfEachKey();
  /// To begin with the next range: what is left of the hash where this one goes on, else what comes after it.
  void Clear();

 private:
  bool IsFull() const;
  Status Add(HashedBatch batch);
  /// Ends the range, which is followed by rows of `next`.
  void EndBefore(uint64_t next);

  HashedRows* const rows_;
  const std::vector<std::string> keys_;
  const std::shared_ptr<BudgetPool> pool_;
  const int64_t memory_bytes_;
  std::vector<HashedBatch> batches_;
  std::optional<uint64_t> only_;  // the hash that the last range was a part of
  JoinTableSize size_;
  uint64_t last_hash_ = 0;
  bool goes_on_ = false;
  bool at_end_ = false;
};

}  // namespace millstream
