#pragma once
/// Builds output batches in place: partitions write their rows straight into the final, contiguous columns.
///
/// The output is the rows 0 .. total_rows of one order, cut into slabs of `slab_rows` (a multiple of the batch size; the last may be shorter), and each slab
/// into batches. Flat columns of a slab are one buffer each that writers fill at disjoint ranges from any thread; array columns are collected
/// as ranges and joined when the slab is full.

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "memory/hand_over_pool.h"

namespace millstream {

/// Where an order stands after a row: its key, and how many rows up to here share that key.
struct OrderPosition {
  uint64_t key = 0;
  uint32_t ties = 0;
};

class Slab {
 public:
  Slab(int64_t index, int64_t rows, int64_t batch_rows, std::shared_ptr<arrow::Schema> schema, const std::vector<int>* flat_widths,
       std::shared_ptr<HandOverPool> pool);

  /// Takes the memory of all flat columns.
  Status Allocate();
  HandOverPool* pool() const { return pool_.get(); }
  int64_t index() const { return index_; }
  int64_t rows() const { return rows_; }
  uint8_t* flat_values(int column, int64_t row) { return flats_[column]->mutable_data() + row * (*flat_widths_)[column]; }
  /// Bytes of validity of a flat column, one a row, made (all valid) when the first writer asks.
  Result<uint8_t*> flat_valid(int column, int64_t row);
  void AddArray(int column, int64_t row, std::shared_ptr<arrow::ArrayData> values);
  void SetPosition(int64_t row, OrderPosition position);

  /// Called once a writer has written `rows` rows of every column; true for the one that completed the slab.
  bool MarkWritten(int64_t rows) { return missing_.fetch_sub(rows, std::memory_order_acq_rel) == rows; }
  /// Joins what was collected, and cuts it into the batches; after the last MarkWritten. Dictionaries and run ends are made a batch: they must
  /// not tell how many batches a slab has, which the memory limit decides. After a refusal it may be called again, and goes on where it stopped.
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Finish();
  /// The batches are the user's from now on.
  void HandOver() { pool_->EndCharge(); }
  /// Positions after the rows asked for by SetPosition, in row order.
  const std::vector<std::pair<int64_t, OrderPosition>>& positions();

 private:
  struct ArrayPart {
    int64_t row;
    std::shared_ptr<arrow::ArrayData> values;
  };
  using Pieces = std::vector<std::shared_ptr<arrow::ArrayData>>;  // one a batch

  Result<std::shared_ptr<arrow::ArrayData>> FinishFlat(int column);
  Result<Pieces> FinishArray(int column);
  Pieces Cut(const arrow::ArrayData& data) const;

  const int64_t index_;
  const int64_t rows_;
  const int64_t batch_rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<int>* flat_widths_;
  const std::shared_ptr<HandOverPool> pool_;
  std::vector<std::shared_ptr<arrow::Buffer>> flats_;
  std::atomic<int64_t> missing_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<arrow::Buffer>> valids_;
  std::vector<std::vector<ArrayPart>> arrays_;
  std::vector<Pieces> finished_;  // the first columns of the batches
  std::vector<std::pair<int64_t, OrderPosition>> positions_;
};

}  // namespace millstream
