#include "ingest/join_probe.h"

#include <arrow/array/util.h>

#include <algorithm>

#include "column/gather.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

/// All rows of a batch, each once and in order: its columns can be shared.
bool IsWhole(const std::vector<uint32_t>& rows, int64_t count) {
  if (static_cast<int64_t>(rows.size()) != count) return false;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != i) return false;
  }
  return true;
}

}  // namespace

Result<std::shared_ptr<arrow::ArrayData>> AsKeyType(std::shared_ptr<arrow::ArrayData> values, const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool) {
  if (values->type->Equals(*type)) return values;
  ARROW_ASSIGN_OR_RAISE(values, ToStorage(values, pool));
  return FromStorage(values, type, pool);
}

Result<std::shared_ptr<arrow::RecordBatch>> JoinRows::OfPairs(const arrow::RecordBatch& left, const JoinTable& table, const JoinPairs& pairs,
                                                              arrow::MemoryPool* pool) const {
  const auto count = static_cast<int64_t>(pairs.left.size());
  const bool whole = IsWhole(pairs.left, left.num_rows());
  ARROW_ASSIGN_OR_RAISE(const auto rows_of_right, table.Locate(pairs.right));
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (const JoinColumns::Column& column : columns_.columns) {
    std::shared_ptr<arrow::ArrayData> values;
    if (column.right) {
      ARROW_ASSIGN_OR_RAISE(values, table.Gather(column.column, rows_of_right, pool));
    } else if (whole) {
      values = left.column_data(column.column);
    } else {
      ARROW_ASSIGN_OR_RAISE(values, GatherColumn(left, column.column, pairs.left.data(), count, pool));
    }
    columns.push_back(std::move(values));
  }
  return arrow::RecordBatch::Make(columns_.schema, count, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> JoinRows::OfRight(const JoinTable& table, const std::vector<uint32_t>& rows) const {
  arrow::MemoryPool* pool = arrow::default_memory_pool();
  const auto count = static_cast<int64_t>(rows.size());
  ARROW_ASSIGN_OR_RAISE(const auto located, table.Locate(rows));
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (size_t i = 0; i < columns_.columns.size(); ++i) {
    const JoinColumns::Column& column = columns_.columns[i];
    const auto& type = columns_.schema->field(static_cast<int>(i))->type();
    const int right = column.right ? column.column : column.right_column;
    if (right >= 0) {
      ARROW_ASSIGN_OR_RAISE(auto values, table.Gather(right, located, pool));
      ARROW_ASSIGN_OR_RAISE(values, AsKeyType(std::move(values), type, pool));
      columns.push_back(std::move(values));
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto nulls, arrow::MakeArrayOfNull(type, count, pool));
      columns.push_back(nulls->data());
    }
  }
  return arrow::RecordBatch::Make(columns_.schema, count, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> JoinRows::RestOfRight(const JoinTable& table, int64_t* next) const {
  if (!NeedsMarks(type_)) return nullptr;
  const bool marked = type_ == JoinType::kRightSemi;
  std::vector<uint32_t> rows;
  for (; *next < table.rows() && static_cast<int64_t>(rows.size()) < batch_rows_; ++*next) {
    const auto row = static_cast<uint32_t>(*next);
    if (table.marked(row) == marked) rows.push_back(row);
  }
  if (rows.empty()) return nullptr;
  return OfRight(table, rows);
}

JoinProbe::JoinProbe(std::shared_ptr<const JoinRows> rows, std::shared_ptr<JoinTable> table, std::shared_ptr<arrow::RecordBatch> left, uint8_t* matched)
    : rows_(std::move(rows)), table_(std::move(table)), left_(std::move(left)), matched_(matched), marks_(NeedsMarks(rows_->type())),
      gives_pairs_(!GivesRight(rows_->type())), keeps_left_(KeepsLeft(rows_->type()) && matched == nullptr), keys_(arrow::default_memory_pool()) {}

Result<std::unique_ptr<JoinProbe>> JoinProbe::Make(std::shared_ptr<const JoinRows> rows, std::shared_ptr<JoinTable> table, std::shared_ptr<arrow::RecordBatch> left,
                                                   uint8_t* matched) {
  std::unique_ptr<JoinProbe> probe(new JoinProbe(std::move(rows), std::move(table), std::move(left), matched));
  ARROW_RETURN_NOT_OK(probe->keys_.Fill(*probe->left_, probe->rows_->columns().left_keys));
  return probe;
}

void JoinProbe::BeginRow() {
  begun_ = true;
  const int64_t place = row_ % JoinTable::kLookupRows;
  if (place == 0) table_->FindFirst(keys_, row_, std::min(JoinTable::kLookupRows, left_->num_rows() - row_), first_.data());
  found_ = first_[static_cast<size_t>(place)];
  const bool matches = found_ != JoinTable::kNone;
  if (matched_ != nullptr && matches) matched_[row_] = 1;
  const JoinType type = rows_->type();
  const bool alone = GivesLeft(type) ? matches == (type == JoinType::kLeftSemi) : !matches && keeps_left_;
  if (GivesLeft(type)) found_ = JoinTable::kNone;
  if (!alone) return;
  pairs_.left.push_back(static_cast<uint32_t>(row_));
  pairs_.right.push_back(JoinTable::kNone);
}

void JoinProbe::AddPairs() {
  if (!begun_) BeginRow();
  for (; found_ != JoinTable::kNone && static_cast<int64_t>(pairs_.left.size()) < rows_->batch_rows(); found_ = table_->Next(keys_, row_, found_)) {
    if (marks_) table_->Mark(found_);
    if (!gives_pairs_) continue;
    pairs_.left.push_back(static_cast<uint32_t>(row_));
    pairs_.right.push_back(found_);
  }
  if (found_ != JoinTable::kNone) return;
  begun_ = false;
  ++row_;
}

Result<std::shared_ptr<arrow::RecordBatch>> JoinProbe::Next(arrow::MemoryPool* pool) {
  pairs_.left.clear();
  pairs_.right.clear();
  while (row_ < left_->num_rows() && static_cast<int64_t>(pairs_.left.size()) < rows_->batch_rows()) AddPairs();
  if (pairs_.left.empty()) return nullptr;
  auto batch = rows_->OfPairs(*left_, *table_, pairs_, pool);
  return KindOf(batch.status()) == ErrorKind::kBudget ? rows_->OfPairs(*left_, *table_, pairs_) : batch;
}

}  // namespace millstream
