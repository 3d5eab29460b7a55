#include <algorithm>
#include <cstring>
#include <utility>

#include "column/gather.h"
#include "column/narrow.h"
#include "exchange/partition_columns.h"
#include "exchange/shuffle_frame.h"
#include "exchange/shuffle_store.h"
#include "exchange/sort_order.h"

namespace millstream {
namespace {

/// A frame below this size wastes the disk: evict more partitions' worth at once instead.
constexpr int64_t kFrameBytesWanted = 64 << 10;
/// For compacting the array slices of one partition.
int64_t CompactionBytes(int64_t staging_bytes) { return std::min<int64_t>(4 * staging_bytes, 512 << 10); }

template <typename T>
bool Scatter(const FlatRun& run, const uint8_t* values, const uint32_t* places, int64_t count) {
  return ScatterNarrow<T>(reinterpret_cast<const T*>(values), places, count, run.width, static_cast<T>(run.base),
                          run.values->mutable_data());
}

bool ScatterFlat(const FlatRun& run, int flat_width, const uint8_t* values, const uint32_t* places, int64_t count) {
  return flat_width == 8 ? Scatter<int64_t>(run, values, places, count) : Scatter<int32_t>(run, values, places, count);
}

template <typename T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

/// Of a row while its partition is found.
constexpr int64_t kSortKeyBytes = 24;

constexpr int64_t kStagingBytesMax = 1 << 20;

int64_t ArrayBytes(const arrow::ArrayData& data) { return RowBytes(data, 0, data.length); }

bool AllOnDisk(const GroupedPiece& piece) {
  uint32_t resident = piece.rows_resident;
  for (const ColumnRun& run : piece.columns) resident = std::max(resident, run.resident);
  return piece.columns_missing == 0 && piece.offsets[resident] == 0;
}

}  // namespace

int64_t StagingBytes(int64_t memory_limit_bytes) { return std::clamp<int64_t>(memory_limit_bytes / 256 / 4096 * 4096, 64 << 10, kStagingBytesMax); }

ShuffleWriter::ShuffleWriter(ShuffleStore* store, uint32_t task, std::shared_ptr<BudgetPool> pool, std::shared_ptr<BudgetPool> spill_pool)
    : store_(store), task_(task), pool_(std::move(pool)), spill_pool_(std::move(spill_pool)) {}

bool ShuffleWriter::MayEvict() const { return store_->options_.spill != nullptr && store_->eviction_allowed_ && BytesFrom(0) > 0; }

int64_t ShuffleWriter::FixedBytes(int64_t staging_bytes, bool has_arrays) { return staging_bytes + (has_arrays ? CompactionBytes(staging_bytes) : 0) + (64 << 10); }

template <typename Step>
auto ShuffleWriter::WithRoom(int64_t bytes, Step&& step) -> decltype(step()) {
  for (;;) {
    auto result = step();
    const Status& status = StatusOf(result);
    if (status.ok() || KindOf(status) != ErrorKind::kBudget || !MayEvict()) return result;
    ARROW_RETURN_NOT_OK(Evict(bytes));
  }
}

Result<std::shared_ptr<OwnedBuffer>> ShuffleWriter::Allocate(int64_t bytes) {
  return WithRoom(bytes, [&] { return pool_->AllocateOwned(bytes); });
}

Status ShuffleWriter::EnsureRoom(int64_t bytes, Ledger& ledger) {
  for (;;) {
    if (ledger.TryCharge(bytes)) {
      ledger.Release(bytes);
      return Status::OK();
    }
    if (!MayEvict()) return Status::OK();
    ARROW_RETURN_NOT_OK(Evict(bytes));
  }
}

Result<PieceOrder> ShuffleWriter::MakeOrder(const PieceRows& rows, const ArrayDatas& sort_columns) {
  const SortOrder* sort = store_->options_.sort.get();
  if (sort == nullptr) return WithRoom(rows.count * 4, [&] { return PieceOrder::Make(store_->options_.keys, rows, pool_); });
  const ShuffleKeys& keys = store_->options_.keys;
  return WithRoom(rows.count * kSortKeyBytes, [&]() -> Result<PieceOrder> {
    ArrayDatas stored;
    for (const auto& column : sort_columns) {
      ARROW_ASSIGN_OR_RAISE(auto values, ToStorage(column, pool_.get()));
      stored.push_back(std::move(values));
    }
    return PieceOrder::MakeBy(rows.count, keys.count, pool_, [&](uint32_t* partitions) { return sort->Assign(keys, rows, stored, pool_, partitions); });
  });
}

Result<size_t> ShuffleWriter::BeginPiece(const PieceRows& rows, const PieceOrder& order) {
  GroupedPiece piece;
  ARROW_RETURN_NOT_OK(OpenRun());
  piece.source = rows.source;
  piece.first_row = rows.first_row;
  ARROW_ASSIGN_OR_RAISE(piece.identities, WithRoom(order.kept() * 4, [&] { return order.RowOffsets(pool_); }));
  return AddPiece(std::move(piece), order);
}

Result<PieceOrder> ShuffleWriter::MakeOrder(const PartitionRows& rows) {
  if (const SortOrder* sort = store_->options_.sort.get()) {
    const ShuffleKeys& keys = store_->options_.keys;
    return WithRoom(rows.count * kSortKeyBytes, [&]() -> Result<PieceOrder> {
      ARROW_ASSIGN_OR_RAISE(const auto columns, sort->ColumnsOf(rows, store_->flat_widths_, store_->storage_types_, pool_));
      return PieceOrder::MakeBy(rows.count, keys.count, pool_, [&](uint32_t* partitions) { return sort->Assign(keys, rows, columns, pool_, partitions); });
    });
  }
  return WithRoom(rows.count * 4, [&] { return PieceOrder::Make(store_->options_.keys, rows, pool_); });
}

Result<size_t> ShuffleWriter::BeginStored(const PartitionRows& rows, const PieceOrder& order) {
  ARROW_RETURN_NOT_OK(OpenRun());
  GroupedPiece piece;
  const RowIdentities& first = rows.pieces.front().identities;
  const bool one_run = std::all_of(rows.pieces.begin(), rows.pieces.end(), [&](const PartitionPiece& part) {
    return part.identities.width == first.width && part.identities.source == first.source && part.identities.first_row == first.first_row;
  });
  piece.identity_width = one_run ? first.width : 8;
  piece.source = first.source;
  piece.first_row = first.first_row;
  // One more: the trash slot.
  ARROW_ASSIGN_OR_RAISE(piece.identities, Allocate((order.kept() + 1) * piece.identity_width));
  uint8_t* identities = piece.identities->mutable_data();
  const uint32_t* places = order.places();
  for (const PartitionPiece& part : rows.pieces) {
    if (part.identities.width == piece.identity_width) {
      ScatterBytes(part.identities.data, piece.identity_width, places, part.count, identities);
    } else {
      for (int64_t row = 0; row < part.count; ++row) reinterpret_cast<uint64_t*>(identities)[places[row]] = part.identities.Packed(row);
    }
    places += part.count;
  }
  return AddPiece(std::move(piece), order);
}

size_t ShuffleWriter::AddPiece(GroupedPiece piece, const PieceOrder& order) {
  ForgetDropped();
  piece.id = store_->next_piece_.fetch_add(1, std::memory_order_relaxed);
  piece.offsets = order.offsets();
  piece.rows_resident = store_->partitions();
  piece.columns.resize(store_->flat_widths_.size());
  piece.columns_missing = piece.columns.size();
  pieces_.push_back(std::move(piece));
  return pieces_forgotten_ + pieces_.size() - 1;
}

Status ShuffleWriter::BeginFlat(size_t piece, int column, int width, int64_t base) {
  ARROW_RETURN_NOT_OK(WriteColumns());
  const int64_t rows = Piece(piece).offsets.back() + 1;  // one more: the trash slot
  ARROW_ASSIGN_OR_RAISE(auto values, Allocate(rows * width));
  FlatRun& run = Piece(piece).columns[column].flat;
  run.width = width;
  run.base = width == store_->flat_widths_[column] ? 0 : base;
  run.values = std::move(values);
  return Status::OK();
}

Status ShuffleWriter::AddFlat(size_t piece_index, int column, const PieceOrder& order, int64_t begin, int64_t count, const uint8_t* values,
                              const uint8_t* valid) {
  GroupedPiece& piece = Piece(piece_index);
  ColumnRun& column_run = piece.columns[column];
  const int flat_width = store_->flat_widths_[column];
  const uint32_t* places = order.places() + begin;
  // Zeros under nulls need not lie in the range that the statistics promise.
  const bool fits = (valid == nullptr || column_run.flat.width == flat_width) && ScatterFlat(column_run.flat, flat_width, values, places, count);
  if (!fits) {
    ARROW_RETURN_NOT_OK(WidenRun(&piece, &column_run.flat, flat_width));
    if (!ScatterFlat(column_run.flat, flat_width, values, places, count)) return Status::UnknownError("a full-width scatter did not fit");
  }
  if (valid != nullptr) {
    ARROW_RETURN_NOT_OK(EnsureValid(&piece, &column_run.flat));
    ScatterBytes(valid, 1, places, count, column_run.flat.valid->mutable_data());
  }
  if (begin + count == order.count()) {
    column_run.resident = store_->partitions();
    --piece.columns_missing;
  }
  return Status::OK();
}

Status ShuffleWriter::WidenRun(GroupedPiece* piece, FlatRun* run, int to_width) {
  if (run->width == to_width) return Status::OK();
  const int64_t rows = piece->offsets.back() + 1;
  ARROW_ASSIGN_OR_RAISE(auto wide, Allocate(rows * to_width));
  for (int64_t row = 0; row < rows; ++row) {
    uint64_t value = 0;
    std::memcpy(&value, run->values->data() + row * run->width, run->width);
    value += static_cast<uint64_t>(run->base);
    std::memcpy(wide->mutable_data() + row * to_width, &value, to_width);
  }
  run->values = std::move(wide);
  run->width = to_width;
  run->base = 0;
  return Status::OK();
}

Status ShuffleWriter::EnsureValid(GroupedPiece* piece, FlatRun* run) {
  if (run->valid != nullptr) return Status::OK();
  const int64_t rows = piece->offsets.back() + 1;
  ARROW_ASSIGN_OR_RAISE(run->valid, Allocate(rows));
  std::memset(run->valid->mutable_data(), 1, rows);
  return Status::OK();
}

Status ShuffleWriter::AddArray(size_t piece_index, int column, const PieceOrder& order, const std::shared_ptr<arrow::ArrayData>& values) {
  ARROW_RETURN_NOT_OK(WriteColumns());
  ARROW_ASSIGN_OR_RAISE(auto stored, WithRoom(ArrayBytes(*values), [&] { return ToStorage(values, pool_.get()); }));
  return AddGroups(piece_index, column, order, *stored);
}

Status ShuffleWriter::AddStored(size_t piece_index, int column, const PieceOrder& order, const PartitionRows& rows) {
  const int flat_width = store_->flat_widths_[column];
  ARROW_ASSIGN_OR_RAISE(const auto stored, WithRoom(rows.count * std::max(flat_width, 8), [&] {
                          return PartitionColumn::Make(rows, column, flat_width, store_->storage_types_[column], pool_);
                        }));
  if (flat_width == 0) return AddGroups(piece_index, column, order, *stored.array());
  FlatRun run;
  run.width = stored.width();
  run.base = stored.base();
  ARROW_ASSIGN_OR_RAISE(run.values, Allocate((order.kept() + 1) * run.width));
  ScatterBytes(stored.values(), run.width, order.places(), order.count(), run.values->mutable_data());
  if (stored.has_nulls()) {
    ARROW_ASSIGN_OR_RAISE(run.valid, Allocate(order.kept() + 1));
    ScatterBytes(stored.valid(), 1, order.places(), order.count(), run.valid->mutable_data());
  }
  GroupedPiece& piece = Piece(piece_index);
  piece.columns[column].flat = std::move(run);
  piece.columns[column].resident = store_->partitions();
  --piece.columns_missing;
  return Status::OK();
}

Status ShuffleWriter::AddGroups(size_t piece_index, int column, const PieceOrder& order, const arrow::ArrayData& stored) {
  const uint32_t partitions = store_->partitions();
  const int64_t bytes = ArrayBytes(stored);
  // Not the piece's own identities: an eviction between two groups shrinks those.
  ARROW_ASSIGN_OR_RAISE(auto row_of_place, WithRoom(order.kept() * 4, [&] { return order.RowOffsets(pool_); }));
  std::vector<std::shared_ptr<arrow::ArrayData>> groups(kEvictionGroups);
  for (uint32_t group = 0; group < kEvictionGroups; ++group) {
    const uint32_t begin = order.offsets()[GroupBegin(group, partitions)];
    const uint32_t end = order.offsets()[GroupBegin(group + 1, partitions)];
    if (begin == end) continue;  // an array of no rows takes a kilobyte too
    ARROW_ASSIGN_OR_RAISE(groups[group], WithRoom(bytes / kEvictionGroups, [&] {
                            return Gather(stored, reinterpret_cast<const uint32_t*>(row_of_place->data()) + begin, end - begin, pool_.get());
                          }));
  }
  GroupedPiece& piece = Piece(piece_index);
  piece.columns[column].groups = std::move(groups);
  piece.columns[column].resident = partitions;
  --piece.columns_missing;
  return Status::OK();
}

int64_t ShuffleWriter::BytesFrom(uint32_t partition) const {
  int64_t bytes = 0;
  const uint32_t partitions = store_->partitions();
  for (const GroupedPiece& piece : pieces_) {
    auto rows_until = [&](uint32_t resident) { return int64_t{piece.offsets[std::max(resident, partition)]} - piece.offsets[partition]; };
    bytes += piece.identity_width * rows_until(piece.rows_resident);
    for (const ColumnRun& run : piece.columns) {
      if (run.resident <= partition) continue;
      bytes += rows_until(run.resident) * (run.flat.width + (run.flat.valid != nullptr));
      if (run.groups.empty()) continue;
      for (uint32_t group = GroupOf(partition, partitions); group < kEvictionGroups; ++group) {
        if (run.groups[group] != nullptr) bytes += ArrayBytes(*run.groups[group]);
      }
    }
  }
  return bytes;
}

Status ShuffleWriter::OpenRun() {
  if (run_ != nullptr || store_->options_.spill == nullptr) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(run_, store_->options_.spill->NewWriter(spill_pool_, store_->options_.staging_bytes));
  return Status::OK();
}

Status ShuffleWriter::Evict(int64_t bytes) {
  const uint32_t partitions = store_->partitions();
  const uint32_t before = store_->watermark();
  uint32_t group = before == partitions ? kEvictionGroups : GroupOf(before, partitions);
  uint32_t watermark = before;
  const int64_t held = BytesFrom(0);
  const int64_t wanted = std::max(bytes, held / 4);
  // Small frames come of holding little: evicting more makes the next ones larger, but everybody spills what is above the watermark.
  auto enough = [&] {
    const int64_t got = watermark == partitions ? 0 : BytesFrom(watermark);
    return got >= wanted && (got >= kFrameBytesWanted * (partitions - watermark) || got >= held / 2);
  };
  while (group > 0 && !enough()) watermark = GroupBegin(--group, partitions);
  store_->LowerWatermark(watermark);
  for (uint32_t partition = watermark; partition < partitions; ++partition) ARROW_RETURN_NOT_OK(WriteFrames(partition));
  ARROW_RETURN_NOT_OK(run_->Flush());
  DropFrom(watermark);
  return Status::OK();
}

Result<bool> ShuffleWriter::EvictSome(int64_t bytes) {
  if (!MayEvict()) return false;
  ARROW_RETURN_NOT_OK(Evict(bytes));
  return true;
}

Status ShuffleWriter::WriteColumns() {
  if (!store_->options_.column_frames || BytesFrom(0) == 0) return Status::OK();
  return Evict(BytesFrom(0));
}

Status ShuffleWriter::WriteColumnFrames(const GroupedPiece& piece) {
  for (int column = SpilledFrame::kRowNumbers; column < static_cast<int>(piece.columns.size()); ++column) {
    FrameBuilder frame(spill_pool_);
    if (column == SpilledFrame::kRowNumbers) {
      if (piece.rows_resident > 0) frame.AddRows(piece, 0);
    } else if (piece.columns[column].resident > 0) {
      ARROW_RETURN_NOT_OK(AddColumn(piece, 0, column, &frame));
    }
    if (frame.empty()) continue;
    ARROW_RETURN_NOT_OK(WriteFrame(0, &frame, /*complete=*/false));
    frames_.back().piece = piece.id;
    frames_.back().column = column;
  }
  return Status::OK();
}

Status ShuffleWriter::AddColumn(const GroupedPiece& piece, uint32_t partition, int column, FrameBuilder* frame) {
  if (!piece.columns[column].groups.empty()) return frame->AddArray(piece, partition, column, StorageType(store_->options_.schema->field(column)->type()));
  frame->AddFlat(piece, partition, column);
  return Status::OK();
}

Status ShuffleWriter::WriteFrames(uint32_t partition) {
  if (store_->options_.column_frames) {
    for (const GroupedPiece& piece : pieces_) ARROW_RETURN_NOT_OK(WriteColumnFrames(piece));
    return Status::OK();
  }
  FrameBuilder frame(spill_pool_);
  bool complete = true;
  int64_t run_rows = 0, written_bytes = 0;
  const int64_t run_rows_max = store_->options_.run_rows_max > 0 ? store_->options_.run_rows_max : INT64_MAX;
  const int64_t run_bytes_max = store_->options_.run_bytes_max > 0 ? store_->options_.run_bytes_max : INT64_MAX;
  for (const GroupedPiece& piece : pieces_) {
    const bool run_is_full = run_rows >= run_rows_max || written_bytes + frame.bytes() >= run_bytes_max;
    if (complete && run_is_full && piece.rows_resident > partition) {
      ARROW_RETURN_NOT_OK(EndRun(partition, &frame));
      run_rows = written_bytes = 0;
    }
    if (complete && piece.columns_missing > 0) {
      // Pieces are completed in order, so all that follow are incomplete. If nothing of this one is on disk, what has been written is complete.
      if (store_->options_.short_runs && piece.rows_resident > partition) ARROW_RETURN_NOT_OK(EndRun(partition, &frame));
      complete = false;
    }
    if (piece.rows_resident > partition) {
      frame.AddRows(piece, partition);
      run_rows += piece.offsets[partition + 1] - piece.offsets[partition];
    }
    for (int column = 0; column < static_cast<int>(piece.columns.size()); ++column) {
      if (piece.columns[column].resident <= partition) continue;
      ARROW_RETURN_NOT_OK(AddColumn(piece, partition, column, &frame));
      if (frame.compacted_bytes() < CompactionBytes(store_->options_.staging_bytes) / 2) continue;
      written_bytes += frame.bytes();
      ARROW_RETURN_NOT_OK(WriteFrame(partition, &frame, /*complete=*/false));
    }
  }
  if (complete) return EndRun(partition, &frame);
  return frame.empty() ? Status::OK() : WriteFrame(partition, &frame, /*complete=*/false);
}

Status ShuffleWriter::EndRun(uint32_t partition, FrameBuilder* frame) {
  if (!frame->empty()) return WriteFrame(partition, frame, /*complete=*/true);
  if (!frames_.empty() && frames_.back().partition == partition) frames_.back().complete = true;
  return Status::OK();
}

Status ShuffleWriter::WriteFrame(uint32_t partition, FrameBuilder* frame, bool complete) {
  ARROW_ASSIGN_OR_RAISE(auto location, run_->Append({store_->options_.stage, task_, 0, partition}, frame->pieces()));
  frames_.push_back({partition, frame->rows(), location, complete});
  store_->bytes_written_ += location.stored_bytes;
  *frame = FrameBuilder(spill_pool_);
  return Status::OK();
}

void ShuffleWriter::DropFrom(uint32_t watermark) {
  const uint32_t partitions = store_->partitions();
  for (GroupedPiece& piece : pieces_) {
    const int64_t rows = piece.offsets[watermark];
    auto shrink = [&](std::shared_ptr<OwnedBuffer>* buffer, int64_t width) {
      if (*buffer == nullptr) return;
      if (rows == 0) buffer->reset();
      else if (rows * width < (*buffer)->size()) (*buffer)->ShrinkTail(rows * width);
    };
    if (piece.rows_resident > watermark) {
      shrink(&piece.identities, piece.identity_width);
      piece.rows_resident = watermark;
    }
    for (ColumnRun& run : piece.columns) {
      if (run.resident <= watermark) continue;
      shrink(&run.flat.values, run.flat.width);
      shrink(&run.flat.valid, 1);
      for (uint32_t group = 0; group < run.groups.size(); ++group) {
        if (GroupBegin(group, partitions) >= watermark) run.groups[group].reset();
      }
      run.resident = watermark;
    }
  }
  dropped_ = true;
}

void ShuffleWriter::ForgetDropped() {
  if (!std::exchange(dropped_, false)) return;
  pieces_forgotten_ += std::erase_if(pieces_, AllOnDisk);
}

Status ShuffleWriter::Finish() {
  if (store_->options_.always_spill && BytesFrom(0) > 0) {
    store_->LowerWatermark(0);
    ARROW_RETURN_NOT_OK(Evict(BytesFrom(0)));
  }
  run_.reset();
  EndChunks();
  ForgetDropped();
  store_->Accept(std::move(pieces_), std::move(frames_));
  pieces_.clear();
  return Status::OK();
}

/// The last frame of each partition ends a chunk; where columns have frames of their own, the last one of each piece.
void ShuffleWriter::EndChunks() {
  if (store_->options_.column_frames) {
    std::sort(frames_.begin(), frames_.end(), [](const SpilledFrame& a, const SpilledFrame& b) { return std::pair(a.piece, a.column) < std::pair(b.piece, b.column); });
    for (size_t frame = 0; frame < frames_.size(); ++frame) {
      frames_[frame].complete = frame + 1 == frames_.size() || frames_[frame + 1].piece != frames_[frame].piece;
    }
    return;
  }
  std::vector<bool> ended(store_->partitions(), false);
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (!ended[frame->partition]) frame->complete = ended[frame->partition] = true;
  }
}

}  // namespace millstream
