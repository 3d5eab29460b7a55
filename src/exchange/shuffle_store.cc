#include "exchange/shuffle_store.h"

#include <algorithm>

#include "column/gather.h"
#include "exchange/column_form.h"
#include "exchange/shuffle_frame.h"

namespace millstream {
namespace {

/// The part of a resident piece that belongs to `partition`.
PartitionPiece ResidentPart(const GroupedPiece& piece, uint32_t partition) {
  const uint32_t partitions = static_cast<uint32_t>(piece.offsets.size()) - 1;
  const int64_t begin = piece.offsets[partition];
  PartitionPiece part;
  part.source = piece.source;
  part.first_row = piece.first_row;
  part.count = piece.offsets[partition + 1] - begin;
  if (piece.rows_resident > partition) part.row_offsets = reinterpret_cast<const uint32_t*>(piece.row_offsets->data()) + begin;
  part.columns.resize(piece.columns.size());
  for (size_t column = 0; column < piece.columns.size(); ++column) {
    const ColumnRun& run = piece.columns[column];
    if (run.resident <= partition) continue;
    ColumnSlice& slice = part.columns[column];
    if (run.groups.empty()) {
      slice.values = run.flat.values->data() + begin * run.flat.width;
      slice.valid = run.flat.valid == nullptr ? nullptr : run.flat.valid->data() + begin;
      slice.width = run.flat.width;
      slice.base = run.flat.base;
    } else {
      const uint32_t group = GroupOf(partition, partitions);
      slice.array = run.groups[group]->Slice(begin - piece.offsets[GroupBegin(group, partitions)], part.count);
    }
  }
  return part;
}

/// Partitions from it on have no rows of this piece in memory.
uint32_t ResidentEnd(const GroupedPiece& piece) {
  uint32_t end = piece.rows_resident;
  for (const ColumnRun& run : piece.columns) end = std::max(end, run.resident);
  return end;
}

bool AnyResident(const GroupedPiece& piece, uint32_t partition) {
  if (piece.offsets[partition + 1] == piece.offsets[partition]) return false;
  if (piece.rows_resident > partition) return true;
  return std::any_of(piece.columns.begin(), piece.columns.end(), [&](const ColumnRun& run) { return run.resident > partition; });
}

}  // namespace

ShuffleStore::ShuffleStore(ShuffleOptions options)
    : options_(std::move(options)), flat_widths_(FlatWidths(*options_.schema)), watermark_(options_.keys.count) {
  for (const auto& field : options_.schema->fields()) storage_types_.push_back(StorageType(field->type()));
  frames_.resize(partitions());
}

void ShuffleStore::LowerWatermark(uint32_t to) {
  uint32_t now = watermark_.load(std::memory_order_relaxed);
  while (to < now && !watermark_.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

void ShuffleStore::Accept(std::vector<GroupedPiece> pieces, std::vector<SpilledFrame> frames) {
  std::lock_guard lock(mutex_);
  for (auto& piece : pieces) pieces_.push_back(std::move(piece));
  for (auto& frame : frames) frames_[frame.partition].push_back(frame);
}

std::vector<int64_t> ShuffleStore::PartitionCounts() const {
  std::vector<int64_t> counts(partitions(), 0);
  for (const GroupedPiece& piece : pieces_) {
    for (uint32_t partition = 0; partition < partitions(); ++partition) {
      counts[partition] += piece.offsets[partition + 1] - piece.offsets[partition];
    }
  }
  return counts;
}

Result<PartitionRows> ShuffleStore::Load(uint32_t partition, const std::shared_ptr<BudgetPool>& pool) const {
  PartitionRows rows;
  rows.partition = partition;
  std::vector<uint32_t> piece_ids;
  for (const GroupedPiece& piece : pieces_) {
    if (!AnyResident(piece, partition)) continue;
    rows.pieces.push_back(ResidentPart(piece, partition));
    piece_ids.push_back(piece.id);
  }
  for (const SpilledFrame& frame : frames_[partition]) {
    ARROW_ASSIGN_OR_RAISE(auto payload, options_.spill->ReadFrame(frame.location, pool.get()));
    bytes_read_ += frame.location.stored_bytes;
    ARROW_RETURN_NOT_OK(ReadFramePayload(payload, flat_widths_, storage_types_, pool, &piece_ids, &rows));
  }
  for (const PartitionPiece& piece : rows.pieces) rows.count += piece.count;
  return rows;
}

void ShuffleStore::Discard(uint32_t partition) {
  for (const SpilledFrame& frame : frames_[partition]) options_.spill->Discard(frame.location);
}

int64_t ShuffleStore::RowsOf(uint32_t partition) const {
  int64_t rows = 0;
  for (const GroupedPiece& piece : pieces_) rows += piece.offsets[partition + 1] - piece.offsets[partition];
  return rows;
}

void ShuffleStore::DropResidentBelow(uint32_t partition) {
  std::lock_guard lock(mutex_);
  for (GroupedPiece& piece : pieces_) {
    if (piece.row_offsets == nullptr || ResidentEnd(piece) > partition) continue;
    piece.row_offsets.reset();
    for (ColumnRun& run : piece.columns) {
      // `resident` stays: Load of a later partition looks at it.
      run.flat.values.reset();
      run.flat.valid.reset();
      for (auto& group : run.groups) group.reset();
    }
  }
}

int64_t ShuffleStore::SpilledBytes(uint32_t partition) const {
  int64_t bytes = 0;
  for (const SpilledFrame& frame : frames_[partition]) bytes += frame.location.stored_bytes;
  return bytes;
}

}  // namespace millstream
