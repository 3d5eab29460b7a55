#include "exchange/shuffle_store.h"

#include <algorithm>

#include "column/gather.h"
#include "exchange/column_form.h"
#include "exchange/sort_order.h"
#include "exchange/shuffle_frame.h"

namespace millstream {
namespace {

ColumnSlice FlatSlice(const FlatRun& run, int64_t begin) {
  ColumnSlice slice;
  slice.values = run.values->data() + begin * run.width;
  slice.valid = run.valid == nullptr ? nullptr : run.valid->data() + begin;
  slice.width = run.width;
  slice.base = run.base;
  return slice;
}

/// The part of a resident piece that belongs to `partition`.
PartitionPiece ResidentPart(const GroupedPiece& piece, uint32_t partition) {
  const uint32_t partitions = static_cast<uint32_t>(piece.offsets.size()) - 1;
  const int64_t begin = piece.offsets[partition];
  PartitionPiece part;
  part.count = piece.offsets[partition + 1] - begin;
  if (piece.rows_resident > partition) part.identities = piece.IdentitiesFrom(begin);
  part.columns.resize(piece.columns.size());
  for (size_t column = 0; column < piece.columns.size(); ++column) {
    const ColumnRun& run = piece.columns[column];
    if (run.resident <= partition) continue;
    ColumnSlice& slice = part.columns[column];
    if (run.groups.empty()) {
      slice = FlatSlice(run.flat, begin);
    } else {
      const uint32_t group = GroupOf(partition, partitions);
      slice.array = run.groups[group]->Slice(begin - piece.offsets[GroupBegin(group, partitions)], part.count);
    }
  }
  return part;
}

/// All of a piece that is in memory as a whole: as it is, or where there are arrays, their groups one after the other.
std::vector<PartitionPiece> WholePiece(const GroupedPiece& piece) {
  const uint32_t partitions = static_cast<uint32_t>(piece.offsets.size()) - 1;
  const bool arrays = std::any_of(piece.columns.begin(), piece.columns.end(), [](const ColumnRun& run) { return !run.groups.empty(); });
  std::vector<PartitionPiece> parts;
  for (uint32_t group = 0; group < (arrays ? kEvictionGroups : 1); ++group) {
    const int64_t begin = arrays ? piece.offsets[GroupBegin(group, partitions)] : 0;
    PartitionPiece part;
    part.count = (arrays ? piece.offsets[GroupBegin(group + 1, partitions)] : piece.offsets.back()) - begin;
    if (part.count == 0) continue;
    part.identities = piece.IdentitiesFrom(begin);
    for (const ColumnRun& run : piece.columns) {
      part.columns.push_back(run.groups.empty() ? FlatSlice(run.flat, begin) : ColumnSlice{.array = run.groups[group]});
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void FreeRows(GroupedPiece* piece) {
  piece->identities.reset();
  for (ColumnRun& run : piece->columns) {
    // `resident` stays: Load of a later partition looks at it.
    run.flat.values.reset();
    run.flat.valid.reset();
    for (auto& group : run.groups) group.reset();
  }
}

/// Partitions from it on have no rows of this piece in memory.
uint32_t ResidentEnd(const GroupedPiece& piece) {
  uint32_t end = piece.rows_resident;
  for (const ColumnRun& run : piece.columns) end = std::max(end, run.resident);
  const auto rows_end = std::lower_bound(piece.offsets.begin(), piece.offsets.end(), piece.offsets.back());
  return std::min(end, static_cast<uint32_t>(rows_end - piece.offsets.begin()));
}

Status CountRows(PartitionRows* rows) {
  for (const PartitionPiece& piece : rows->pieces) {
    if (piece.identities.data == nullptr) return MakeError(ErrorKind::kCorruptData, "the shuffle lost the row numbers of a piece");
    rows->count += piece.count;
  }
  return Status::OK();
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
    for (uint32_t partition = 0; partition < piece.rows_resident; ++partition) counts[partition] += piece.offsets[partition + 1] - piece.offsets[partition];
  }
  for (uint32_t partition = 0; partition < partitions(); ++partition) counts[partition] += SpilledRows(partition);
  return counts;
}

Result<PartitionRows> ShuffleStore::Load(uint32_t partition, const std::shared_ptr<BudgetPool>& pool) const {
  PartitionRows rows;
  std::vector<uint32_t> piece_ids;
  for (const GroupedPiece& piece : pieces_) {
    if (!AnyResident(piece, partition)) continue;
    rows.pieces.push_back(ResidentPart(piece, partition));
    piece_ids.push_back(piece.id);
  }
  for (const SpilledFrame& frame : frames_[partition]) ARROW_RETURN_NOT_OK(ReadFrame(frame, pool, &piece_ids, &rows));
  ARROW_RETURN_NOT_OK(CountRows(&rows));
  return rows;
}

Result<PartitionOrder> ShuffleStore::OrderOf(const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) const {
  if (options_.sort == nullptr) return PartitionOrder::Make(options_.keys, rows, pool);
  ARROW_ASSIGN_OR_RAISE(const auto columns, options_.sort->ColumnsOf(rows, flat_widths_, storage_types_, pool));
  return options_.sort->Order(rows, columns, pool);
}

Status ShuffleStore::ReadFrame(const SpilledFrame& frame, const std::shared_ptr<BudgetPool>& pool, std::vector<uint32_t>* piece_ids,
                               PartitionRows* rows) const {
  ARROW_ASSIGN_OR_RAISE(auto payload, options_.spill->ReadFrame(frame.location, pool.get()));
  bytes_read_ += frame.location.stored_bytes;
  return ReadFramePayload(payload, flat_widths_, storage_types_, pool, piece_ids, rows);
}

std::vector<StoredChunk> ShuffleStore::Chunks() const {
  std::vector<StoredChunk> chunks;
  if (all_resident()) {
    for (uint32_t piece = 0; piece < pieces_.size(); ++piece) chunks.push_back({StoredChunk::Kind::kPiece, piece});
    return chunks;
  }
  for (uint32_t partition = 0; partition < partitions(); ++partition) {
    if (watermark() > 0) {
      chunks.push_back({StoredChunk::Kind::kPartition, partition});
    } else {
      const auto here = ChunksOf(partition);
      chunks.insert(chunks.end(), here.begin(), here.end());
    }
  }
  return chunks;
}

std::vector<StoredChunk> ShuffleStore::ChunksOf(uint32_t partition) const {
  std::vector<StoredChunk> chunks;
  uint32_t begin = 0;
  for (uint32_t frame = 0; frame < frames_[partition].size(); ++frame) {
    if (!frames_[partition][frame].complete) continue;
    chunks.push_back({StoredChunk::Kind::kFrames, partition, begin, frame + 1});
    begin = frame + 1;
  }
  return chunks;
}

PartitionRows ShuffleStore::ResidentOf(uint32_t partition) const {
  PartitionRows rows;
  for (const GroupedPiece& piece : pieces_) {
    if (!AnyResident(piece, partition)) continue;
    rows.pieces.push_back(ResidentPart(piece, partition));
    rows.count += rows.pieces.back().count;
  }
  return rows;
}

Result<PartitionRows> ShuffleStore::LoadChunk(const StoredChunk& chunk, const std::shared_ptr<BudgetPool>& pool) const {
  if (chunk.kind == StoredChunk::Kind::kPartition) return Load(chunk.index, pool);
  PartitionRows rows;
  if (chunk.kind == StoredChunk::Kind::kPiece) {
    rows.pieces = WholePiece(pieces_[chunk.index]);
  } else {
    std::vector<uint32_t> piece_ids;
    const uint32_t end = options_.column_frames ? chunk.begin + 1 : chunk.end;
    for (uint32_t frame = chunk.begin; frame < end; ++frame) {
      ARROW_RETURN_NOT_OK(ReadFrame(frames_[chunk.index][frame], pool, &piece_ids, &rows));
    }
  }
  ARROW_RETURN_NOT_OK(CountRows(&rows));
  return rows;
}

Status ShuffleStore::LoadColumn(const StoredChunk& chunk, int column, const std::shared_ptr<BudgetPool>& pool, PartitionRows* rows) const {
  if (!options_.column_frames) return Status::OK();
  const auto& frames = frames_[chunk.index];
  std::vector<uint32_t> piece_ids = {frames[chunk.begin].piece};
  for (uint32_t frame = chunk.begin + 1; frame < chunk.end; ++frame) {
    if (frames[frame].column == column) return ReadFrame(frames[frame], pool, &piece_ids, rows);
  }
  return Status::OK();  // who uses it will miss it
}

void ShuffleStore::EndColumn(int column, PartitionRows* rows) const {
  if (!options_.column_frames) return;
  rows->pieces.front().columns[column] = {};
  rows->frames.pop_back();
}

int64_t ShuffleStore::RowsOfChunk(const StoredChunk& chunk) const {
  int64_t rows = 0;
  for (uint32_t frame = chunk.begin; frame < chunk.end; ++frame) rows += frames_[chunk.index][frame].rows;
  return rows;
}

int64_t ShuffleStore::ChunkBytes(const StoredChunk& chunk) const {
  if (chunk.kind == StoredChunk::Kind::kPiece) return 0;
  if (chunk.kind == StoredChunk::Kind::kPartition) return SpilledBytes(chunk.index) + 4 * RowsOf(chunk.index);
  int64_t bytes = 0;
  int64_t column_bytes = 0;
  for (uint32_t number = chunk.begin; number < chunk.end; ++number) {
    const SpilledFrame& frame = frames_[chunk.index][number];
    if (options_.column_frames && frame.column != SpilledFrame::kRowNumbers) column_bytes = std::max(column_bytes, frame.location.stored_bytes);
    else bytes += frame.location.stored_bytes + 4 * frame.rows;
  }
  return bytes + column_bytes;
}

void ShuffleStore::DiscardChunk(const StoredChunk& chunk) {
  switch (chunk.kind) {
    case StoredChunk::Kind::kPiece:
      return FreeRows(&pieces_[chunk.index]);
    case StoredChunk::Kind::kPartition:
      return Discard(chunk.index);
    case StoredChunk::Kind::kFrames:
      for (uint32_t frame = chunk.begin; frame < chunk.end; ++frame) options_.spill->Discard(frames_[chunk.index][frame].location);
  }
}

void ShuffleStore::Discard(uint32_t partition) {
  for (const SpilledFrame& frame : frames_[partition]) options_.spill->Discard(frame.location);
}

int64_t ShuffleStore::RowsOf(uint32_t partition) const {
  int64_t rows = SpilledRows(partition);
  for (const GroupedPiece& piece : pieces_) rows += piece.rows_resident > partition ? piece.offsets[partition + 1] - piece.offsets[partition] : 0;
  return rows;
}

int64_t ShuffleStore::SpilledRows(uint32_t partition) const {
  int64_t rows = 0;
  for (const SpilledFrame& frame : frames_[partition]) rows += frame.rows;
  return rows;
}

void ShuffleStore::DropResidentBelow(uint32_t partition) {
  std::lock_guard lock(mutex_);
  for (GroupedPiece& piece : pieces_) {
    if (piece.identities != nullptr && ResidentEnd(piece) <= partition) FreeRows(&piece);
  }
}

int64_t ShuffleStore::SpilledBytes(uint32_t partition) const {
  int64_t bytes = 0;
  for (const SpilledFrame& frame : frames_[partition]) bytes += frame.location.stored_bytes;
  return bytes;
}

}  // namespace millstream
