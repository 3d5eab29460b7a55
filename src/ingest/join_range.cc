#include "ingest/join_range.h"

#include <algorithm>

#include "column/gather.h"
#include "plan/near_names.h"

namespace millstream {
HashedBatch::HashedBatch(std::shared_ptr<arrow::RecordBatch> batch)
    : batch_(std::move(batch)), hashes_(batch_->column_data(JoinHashColumn(*batch_->schema()))->GetValues<uint64_t>(1)) {}

int64_t HashedBatch::RowsBelow(uint64_t hash) const { return std::lower_bound(hashes_, hashes_ + rows(), hash) - hashes_; }

int64_t HashedBatch::RowsUpTo(uint64_t hash) const { return std::upper_bound(hashes_, hashes_ + rows(), hash) - hashes_; }

Result<bool> HashedRows::Fill(const Waker& waker) {
  while (batches_.empty() && !ended_) {
    ARROW_ASSIGN_OR_RAISE(auto batch, stream_->TryNext(waker));
    if (!batch.has_value()) return false;
    ended_ = batch->data == nullptr;
    if (!ended_ && batch->data->num_rows() > 0) batches_.emplace_back(std::move(batch->data));
  }
  return true;
}

HashedBatch HashedRows::Take(int64_t rows) {
  HashedBatch batch = std::move(batches_.front());
  batches_.pop_front();
  if (rows == batch.rows()) return batch;
  batches_.push_front(batch.Slice(rows, batch.rows()));
  return batch.Slice(0, rows);
}

bool JoinRange::IsFull() const { return !batches_.empty() && size_.table_bytes() > memory_bytes_; }

Result<bool> JoinRange::Fill(const Waker& waker) {
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const bool there, rows_->Fill(waker));
    if (!there) return false;
    const HashedBatch* next = rows_->next();
    const bool all_of_only = only_.has_value() && (next == nullptr || next->first() != *only_);
    if (next == nullptr || all_of_only) {
      goes_on_ = false;
      at_end_ = next == nullptr && !only_.has_value();
      last_hash_ = only_.value_or(UINT64_MAX);
      return true;
    }
    if (IsFull()) {
      EndBefore(next->first());
      return true;
    }
    ARROW_RETURN_NOT_OK(Add(rows_->Take(only_.has_value() ? next->RowsUpTo(*only_) : next->rows())));
  }
}

Status JoinRange::Add(HashedBatch batch) {
  ARROW_ASSIGN_OR_RAISE(const auto keys, FindColumns(keys_, *batch.batch()->schema()));
  // The rows are there already, within the floor that is kept for them.
  pool_->ledger()->ForceCharge(size_.Add(*batch.batch(), keys));
  batches_.push_back(std::move(batch));
  return Status::OK();
}

void JoinRange::EndBefore(uint64_t next) {
  goes_on_ = batches_.front().first() == next;
  while (!goes_on_ && batches_.back().last() == next) {
    HashedBatch batch = std::move(batches_.back());
    batches_.pop_back();
    const int64_t below = batch.RowsBelow(next);
    rows_->PutBack(batch.Slice(below, batch.rows()));
    if (below > 0) batches_.push_back(batch.Slice(0, below));
  }
  last_hash_ = batches_.back().last();
}

Result<std::shared_ptr<JoinTable>> JoinRange::MakeTable() const {
  ARROW_ASSIGN_OR_RAISE(const auto keys, FindColumns(keys_, *rows_->stream().schema()));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (const HashedBatch& batch : batches_) batches.push_back(batch.batch());
  return JoinTable::Make(rows_->stream().schema(), batches, keys, pool_->for_libraries());
}

Status JoinRange::KeepFirstOfEachKey() {
  ARROW_ASSIGN_OR_RAISE(const auto table, MakeTable());
  const auto rows = table->FirstRows();
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  const auto& schema = rows_->stream().schema();
  ARROW_ASSIGN_OR_RAISE(const auto located, table->Locate(rows));
  for (int column = 0; column < schema->num_fields(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto values, table->Gather(column, located, arrow::default_memory_pool()));
    columns.push_back(std::move(values));
  }
  Clear();
  only_.reset();
  if (!rows.empty()) ARROW_RETURN_NOT_OK(Add(HashedBatch(arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows.size()), std::move(columns)))));
  return Status::OK();
}

void JoinRange::Clear() {
  batches_.clear();
  pool_->ledger()->Release(size_.bytes);
  size_ = {};
  only_.reset();
  if (goes_on_) only_ = last_hash_;
  goes_on_ = false;
}

}  // namespace millstream
