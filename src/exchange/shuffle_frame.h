#pragma once
/// The payload of one spill frame of the shuffle: what one writer evicted of one partition at one time (docs/spill_format.md).
///
/// A sequence of entries, 8-byte aligned: one entry for the row numbers of a piece, one for each of its columns. Entries of one piece may lie in
/// several frames, for a piece can be evicted before all of its columns are there.

#include <cstdint>
#include <memory>
#include <vector>

#include "column/frame.h"
#include "exchange/shuffle_store.h"

namespace millstream {

/// Builds a payload from slices of grouped pieces. The pieces must not change until the payload has been written.
class FrameBuilder {
 public:
  explicit FrameBuilder(std::shared_ptr<BudgetPool> pool) : pool_(std::move(pool)) {}

  void AddRows(const GroupedPiece& piece, uint32_t partition);
  void AddFlat(const GroupedPiece& piece, uint32_t partition, int column);
  Status AddArray(const GroupedPiece& piece, uint32_t partition, int column, const std::shared_ptr<arrow::DataType>& type);

  int64_t rows() const { return rows_; }
  /// Of the arrays that were brought together for it.
  int64_t compacted_bytes() const { return compacted_bytes_; }
  int64_t bytes() const { return pieces_.total_bytes; }
  bool empty() const { return pieces_.pieces.empty(); }
  std::vector<RunWriter::Piece> pieces() const;

 private:
  void Append(const uint8_t* data, int64_t bytes);
  void PadTo8();
  void AddHeader(const struct FrameEntry& entry);

  std::shared_ptr<BudgetPool> pool_;
  FramePieces pieces_;
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays_;
  int64_t rows_ = 0;
  int64_t compacted_bytes_ = 0;
};

/// Adds the entries of `frame` to the pieces they belong to; `piece_ids` runs parallel to rows->pieces.
/// Every length is checked against the frame: kCorruptData for a wrong one.
Status ReadFramePayload(const std::shared_ptr<arrow::Buffer>& frame, const std::vector<int>& flat_widths,
                        const std::vector<std::shared_ptr<arrow::DataType>>& storage_types, const std::shared_ptr<BudgetPool>& pool,
                        std::vector<uint32_t>* piece_ids, PartitionRows* rows);

}  // namespace millstream
