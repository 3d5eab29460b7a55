#include "exec/rescatter_lane.h"

#include <algorithm>

#include "exchange/sort_order.h"

namespace millstream {
namespace {

/// Beside the chunk itself: page rounding of what it is loaded into.
constexpr int64_t kRoundingBytes = 256 << 10;

int64_t LoadBytes(const ShuffleStore& store, const StoredChunk& chunk) { return store.ChunkBytes(chunk) * 5 / 4 + kRoundingBytes; }

/// Of what rows are moved through: a column twice, and who its rows are. Stored columns may be narrower than they come out of several runs.
int64_t MoveBytes(const ShuffleStore& store, const StoredChunk& chunk) {
  const int64_t load_bytes = LoadBytes(store, chunk);
  const SortOrder* sort = store.options().sort.get();
  const int64_t rows = store.RowsOfChunk(chunk);
  if (rows == 0) return load_bytes;
  const int64_t varying = store.ChunkBytes(chunk) / rows + 1;
  const auto bytes_of = [&](int width) { return width > 0 ? width + 1 : varying; };
  int64_t widest = 0;
  for (const int width : store.flat_widths()) widest = std::max(widest, bytes_of(width));
  int64_t order_row_bytes = 0;
  for (const int column : sort == nullptr ? std::vector<int>{} : sort->by().columns) order_row_bytes += 2 * bytes_of(store.flat_widths()[column]) + 1;
  return std::max(load_bytes, rows * RescatterLane::SortedRowBytes(widest, order_row_bytes) + kRoundingBytes);
}

}  // namespace

int64_t RescatterLane::SortedRowBytes(int64_t column_row_bytes, int64_t order_row_bytes) {
  constexpr int64_t kPlaceBytes = 4 + 8;
  return kPlaceBytes + std::max(2 * column_row_bytes, order_row_bytes);
}

RescatterLane::RescatterLane(const Shared& shared, uint32_t lane, const ScatterLane::Pools& pools)
    : shared_(shared), pool_(pools.scan), floor_bytes_(pool_->ledger()->floor_bytes()), writer_(shared.store, lane, pools.scatter, pools.spill) {}

Result<int> RescatterLane::SetFloors(const ChunkCursor& cursor, const std::vector<ScatterLane::Pools>& lanes, int64_t scatter_floor) {
  int64_t load_bytes = 0, move_bytes = scatter_floor;
  for (const StoredChunk& chunk : cursor.chunks()) {
    load_bytes = std::max(load_bytes, LoadBytes(*cursor.store(), chunk));
    move_bytes = std::max(move_bytes, MoveBytes(*cursor.store(), chunk));
  }
  for (const auto& pools : lanes) {
    pools.scan->ledger()->TrySetFloor(0);
    pools.scatter->ledger()->TrySetFloor(0);
  }
  const auto fits = [&](const ScatterLane::Pools& pools, int64_t scatter_bytes) {
    if (!pools.scan->ledger()->TrySetFloor(load_bytes)) return false;
    if (pools.scatter->ledger()->TrySetFloor(scatter_bytes)) return true;
    pools.scan->ledger()->TrySetFloor(0);
    return false;
  };
  int fitting = 0;
  while (fitting < static_cast<int>(lanes.size()) && fits(lanes[static_cast<size_t>(fitting)], move_bytes)) ++fitting;
  // A lane alone may take what is free.
  if (fitting == 0 && fits(lanes.front(), std::max(scatter_floor, load_bytes))) fitting = 1;
  if (fitting == 0) return RefusedCharge(*lanes.front().scan->ledger(), load_bytes + move_bytes);
  return fitting;
}

Result<LaneStep> RescatterLane::Step(const Waker&) {
  CpuTimer timer(&shared_.input_statistics->cpu_nanoseconds);
  if (chunk_ != nullptr) {
    ARROW_RETURN_NOT_OK(MoveColumn(next_column_++));
  } else {
    chunk_ = shared_.cursor->Take();
    if (chunk_ == nullptr) {
      ARROW_RETURN_NOT_OK(writer_.Finish());
      return LaneStep::kDone;
    }
    ARROW_RETURN_NOT_OK(OpenChunk());
  }
  if (rows_.count == 0 || next_column_ == static_cast<int>(shared_.store->flat_widths().size())) EndChunk();
  return LaneStep::kMore;
}

Status RescatterLane::OpenChunk() {
  ARROW_RETURN_NOT_OK(MakeRoom());
  ARROW_ASSIGN_OR_RAISE(rows_, shared_.cursor->store()->LoadChunk(*chunk_, pool_));
  next_column_ = 0;
  if (rows_.count == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(order_, writer_.MakeOrder(rows_));
  ARROW_ASSIGN_OR_RAISE(piece_, writer_.BeginStored(rows_, *order_));
  shared_.input_statistics->rows += rows_.count;
  if (shared_.shuffle_statistics != nullptr) shared_.shuffle_statistics->rows += order_->kept();
  return Status::OK();
}

/// Raises the floor to what the chunk takes, evicting rows of this lane as far as that is needed.
Status RescatterLane::MakeRoom() {
  Ledger& ledger = *pool_->ledger();
  const int64_t bytes = std::max(floor_bytes_, LoadBytes(*shared_.cursor->store(), *chunk_));
  while (!ledger.TrySetFloor(bytes)) {
    ARROW_ASSIGN_OR_RAISE(const bool evicted, writer_.EvictSome(bytes - ledger.floor_bytes()));
    if (!evicted) return RefusedCharge(ledger, bytes);
  }
  return Status::OK();
}

Status RescatterLane::MoveColumn(int column) {
  const auto& piece = writer_.piece(piece_);
  const ShuffleStore& from = *shared_.cursor->store();
  ARROW_RETURN_NOT_OK(from.LoadColumn(*chunk_, column, pool_, &rows_));
  ARROW_RETURN_NOT_OK(writer_.AddStored(piece_, column, *order_, rows_));
  from.EndColumn(column, &rows_);
  const ColumnRun& run = piece.columns[column];
  shared_.input_statistics->bytes += rows_.count * (run.groups.empty() ? shared_.store->flat_widths()[column] : 0);
  return Status::OK();
}

void RescatterLane::EndChunk() {
  rows_ = {};
  order_.reset();
  if (shared_.discard) shared_.cursor->store()->DiscardChunk(*chunk_);
  chunk_ = nullptr;
  pool_->ledger()->TrySetFloor(floor_bytes_);
}

}  // namespace millstream
