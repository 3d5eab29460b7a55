#pragma once
/// The rows that a join makes of a batch of the left and a table of the right.

#include <arrow/record_batch.h>

#include <array>
#include <memory>
#include <vector>

#include "exchange/join_table.h"
#include "plan/join_type.h"

namespace millstream {

/// A key of the result, which is of the left's type, of values of the right, whose type may be another with the same storage.
Result<std::shared_ptr<arrow::ArrayData>> AsKeyType(std::shared_ptr<arrow::ArrayData> values, const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool);

/// Rows of one batch of the left, and of the table; JoinTable::kNone for none there.
struct JoinPairs {
  std::vector<uint32_t> left;
  std::vector<uint32_t> right;
};

/// Makes batches of the result. Immutable; any thread.
class JoinRows {
 public:
  /// `batch_rows`: of a batch of the result, at most.
  JoinRows(JoinType type, JoinColumns columns, int64_t batch_rows) : type_(type), columns_(std::move(columns)), batch_rows_(batch_rows) {}

  JoinType type() const { return type_; }
  const JoinColumns& columns() const { return columns_; }
  int64_t batch_rows() const { return batch_rows_; }

  Result<std::shared_ptr<arrow::RecordBatch>> OfPairs(const arrow::RecordBatch& left, const JoinTable& table, const JoinPairs& pairs,
                                                      arrow::MemoryPool* pool = arrow::default_memory_pool()) const;
  /// Rows of the table by themselves: columns of the left are null, but for keys.
  Result<std::shared_ptr<arrow::RecordBatch>> OfRight(const JoinTable& table, const std::vector<uint32_t>& rows) const;
  /// The next rows of the table from `*next` on that belong into the result by themselves, once all of the left has passed; null at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> RestOfRight(const JoinTable& table, int64_t* next) const;

 private:
  const JoinType type_;
  const JoinColumns columns_;
  const int64_t batch_rows_;
};

/// Goes over the rows of one batch of the left, however many matches each has.
class JoinProbe {
 public:
  /// `matched`: null, or a flag for each row of the left, set where it has a match: then rows without one are left out whatever the type.
  static Result<std::unique_ptr<JoinProbe>> Make(std::shared_ptr<const JoinRows> rows, std::shared_ptr<JoinTable> table, std::shared_ptr<arrow::RecordBatch> left,
                                                 uint8_t* matched = nullptr);
  /// The next rows of the result; null at the end. From `pool`, unless that refuses.
  Result<std::shared_ptr<arrow::RecordBatch>> Next(arrow::MemoryPool* pool = arrow::default_memory_pool());

 private:
  JoinProbe(std::shared_ptr<const JoinRows> rows, std::shared_ptr<JoinTable> table, std::shared_ptr<arrow::RecordBatch> left, uint8_t* matched);
  /// Those of the row in hand, as far as there is room.
  void AddPairs();
  void BeginRow();

  const std::shared_ptr<const JoinRows> rows_;
  const std::shared_ptr<JoinTable> table_;
  const std::shared_ptr<arrow::RecordBatch> left_;
  uint8_t* const matched_;
  const bool marks_;
  const bool gives_pairs_;
  const bool keeps_left_;
  JoinKeys keys_;
  std::array<uint32_t, JoinTable::kLookupRows> first_;  // of the row in hand and those beside it
  JoinPairs pairs_;
  int64_t row_ = 0;
  uint32_t found_ = JoinTable::kNone;  // of the row in hand: its next match
  bool begun_ = false;
};

}  // namespace millstream
