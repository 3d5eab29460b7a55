#include "exchange/shuffle_frame.h"

#include <arrow/array/concatenate.h>

#include <algorithm>
#include <cstring>

#include "column/gather.h"

namespace millstream {

struct FrameEntry {
  uint32_t piece;
  int32_t column;       // kRowsColumn for the row numbers
  uint32_t source;
  uint8_t kind;
  uint8_t width;        // flat: bytes a value; rows: 2: deltas, 4: numbers, 8: packed identities
  uint8_t has_valid;
  uint8_t reserved;
  int64_t base;         // flat: added to each value; rows: the first row's number
  int64_t count;
  int64_t bytes;        // of the entry's data, without padding
};
static_assert(sizeof(FrameEntry) == 40);

namespace {

constexpr int32_t kRowsColumn = -1;
enum EntryKind : uint8_t { kRows = 0, kFlat = 1, kArray = 2 };

int64_t PaddedTo8(int64_t bytes) { return (bytes + 7) / 8 * 8; }

/// Row numbers as differences of two bytes where all fit (they do unless partitions are very sparse), else as they are.
std::unique_ptr<std::vector<uint8_t>> EncodeRows(const uint32_t* rows, int64_t count, uint8_t* width) {
  auto bytes = std::make_unique<std::vector<uint8_t>>(4 + (count - 1) * 2);
  std::memcpy(bytes->data(), rows, 4);
  auto* deltas = reinterpret_cast<uint16_t*>(bytes->data() + 4);
  uint32_t wide = 0;
  for (int64_t i = 1; i < count; ++i) {
    const uint32_t delta = rows[i] - rows[i - 1];
    wide |= delta;
    deltas[i - 1] = static_cast<uint16_t>(delta);
  }
  *width = 2;
  if (wide <= 0xffff) return bytes;
  *width = 4;
  bytes->resize(count * 4);
  std::memcpy(bytes->data(), rows, count * 4);
  return bytes;
}

Status Corrupt(const char* what) {
  return MakeError(ErrorKind::kCorruptData, std::string("a spill frame of the shuffle is damaged (") + what +
                                                "); the disk under the spill directory may be failing");
}

Status DecodeRows(const FrameEntry& entry, const uint8_t* data, uint32_t* rows) {
  if (entry.width == 4) {
    if (entry.bytes != entry.count * 4) return Corrupt("row numbers");
    std::memcpy(rows, data, entry.bytes);
    return Status::OK();
  }
  if (entry.width != 2 || entry.bytes != 4 + (entry.count - 1) * 2) return Corrupt("row numbers");
  std::memcpy(rows, data, 4);
  const auto* deltas = reinterpret_cast<const uint16_t*>(data + 4);
  for (int64_t i = 1; i < entry.count; ++i) rows[i] = rows[i - 1] + deltas[i - 1];
  return Status::OK();
}

PartitionPiece* FindPiece(uint32_t id, size_t columns, std::vector<uint32_t>* ids, PartitionRows* rows) {
  const auto found = std::find(ids->rbegin(), ids->rend(), id);
  if (found != ids->rend()) return &rows->pieces[ids->size() - 1 - (found - ids->rbegin())];
  ids->push_back(id);
  auto& piece = rows->pieces.emplace_back();
  piece.count = -1;
  piece.columns.resize(columns);
  return &piece;
}

Status ReadFlat(const FrameEntry& entry, const uint8_t* data, int flat_width, ColumnSlice* slice) {
  const bool width_known = entry.width == 1 || entry.width == 2 || entry.width == 4 || entry.width == 8;
  if (!width_known || entry.width > flat_width || entry.bytes != entry.count * (entry.width + entry.has_valid)) return Corrupt("values");
  slice->values = data;
  slice->valid = entry.has_valid ? data + entry.count * entry.width : nullptr;
  slice->width = entry.width;
  slice->base = entry.base;
  return Status::OK();
}

}  // namespace

std::vector<RunWriter::Piece> FrameBuilder::pieces() const {
  std::vector<RunWriter::Piece> out;
  out.reserve(pieces_.pieces.size());
  for (const auto& piece : pieces_.pieces) out.push_back({piece.data, piece.bytes});
  return out;
}

void FrameBuilder::Append(const uint8_t* data, int64_t bytes) {
  if (bytes == 0) return;
  pieces_.pieces.push_back({data, bytes});
  pieces_.total_bytes += bytes;
}

void FrameBuilder::PadTo8() {
  static constexpr uint8_t kZeros[8] = {};
  Append(kZeros, PaddedTo8(pieces_.total_bytes) - pieces_.total_bytes);
}

void FrameBuilder::AddHeader(const FrameEntry& entry) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&entry);
  pieces_.headers.push_back(std::make_unique<std::vector<uint8_t>>(bytes, bytes + sizeof(entry)));
  Append(pieces_.headers.back()->data(), sizeof(entry));
}

void FrameBuilder::AddRows(const GroupedPiece& piece, uint32_t partition) {
  const uint32_t begin = piece.offsets[partition];
  const int64_t count = piece.offsets[partition + 1] - begin;
  if (count == 0) return;
  FrameEntry entry{piece.id, kRowsColumn, piece.source, kRows, 8, 0, 0, piece.first_row, count, count * 8};
  rows_ += count;
  const uint8_t* identities = piece.IdentitiesFrom(begin).data;
  if (piece.identity_width == 8) {
    AddHeader(entry);
    return Append(identities, entry.bytes);
  }
  auto encoded = EncodeRows(reinterpret_cast<const uint32_t*>(identities), count, &entry.width);
  entry.bytes = static_cast<int64_t>(encoded->size());
  AddHeader(entry);
  pieces_.headers.push_back(std::move(encoded));
  Append(pieces_.headers.back()->data(), entry.bytes);
  PadTo8();
}

void FrameBuilder::AddFlat(const GroupedPiece& piece, uint32_t partition, int column) {
  const uint32_t begin = piece.offsets[partition];
  const int64_t count = piece.offsets[partition + 1] - begin;
  if (count == 0) return;
  const FlatRun& run = piece.columns[column].flat;
  const uint8_t has_valid = run.valid != nullptr;
  AddHeader({piece.id, column, piece.source, kFlat, static_cast<uint8_t>(run.width), has_valid, 0, run.base, count,
             count * (run.width + has_valid)});
  Append(run.values->data() + int64_t{begin} * run.width, count * run.width);
  if (has_valid) Append(run.valid->data() + begin, count);
  PadTo8();
}

Status FrameBuilder::AddArray(const GroupedPiece& piece, uint32_t partition, int column, const std::shared_ptr<arrow::DataType>& type) {
  const uint32_t partitions = static_cast<uint32_t>(piece.offsets.size()) - 1;
  const uint32_t begin = piece.offsets[partition];
  const int64_t count = piece.offsets[partition + 1] - begin;
  if (count == 0) return Status::OK();
  const uint32_t group = GroupOf(partition, partitions);
  const int64_t group_begin = piece.offsets[GroupBegin(group, partitions)];
  std::shared_ptr<arrow::ArrayData> compact = piece.columns[column].groups[group];
  const bool is_slice = compact->length != count;
  if (is_slice) {
    ARROW_ASSIGN_OR_RAISE(compact, Concatenate({compact->Slice(begin - group_begin, count)}, type, pool_.get()));
    arrays_.push_back(compact);
  }
  FramePieces column_pieces;
  ARROW_RETURN_NOT_OK(AppendColumn(*compact, &column_pieces));
  if (is_slice) compacted_bytes_ += column_pieces.total_bytes;
  AddHeader({piece.id, column, piece.source, kArray, 0, 0, 0, 0, count, column_pieces.total_bytes});
  for (const auto& part : column_pieces.pieces) Append(part.data, part.bytes);
  for (auto& header : column_pieces.headers) pieces_.headers.push_back(std::move(header));
  PadTo8();
  return Status::OK();
}

Status ReadFramePayload(const std::shared_ptr<arrow::Buffer>& frame, const std::vector<int>& flat_widths,
                        const std::vector<std::shared_ptr<arrow::DataType>>& storage_types, const std::shared_ptr<BudgetPool>& pool,
                        std::vector<uint32_t>* piece_ids, PartitionRows* rows) {
  int64_t position = 0;
  while (position < frame->size()) {
    FrameEntry entry;
    if (frame->size() - position < static_cast<int64_t>(sizeof(entry))) return Corrupt("entry header");
    std::memcpy(&entry, frame->data() + position, sizeof(entry));
    position += sizeof(entry);
    if (entry.count <= 0 || entry.bytes < 0 || entry.bytes > frame->size() - position) return Corrupt("entry length");
    const uint8_t* data = frame->data() + position;
    PartitionPiece* piece = FindPiece(entry.piece, flat_widths.size(), piece_ids, rows);
    if (piece->count >= 0 && piece->count != entry.count) return Corrupt("row count");
    piece->count = entry.count;
    if (entry.kind == kRows) {
      if (entry.count > (int64_t{1} << 31)) return Corrupt("row count");
      if (entry.width == 8 && entry.bytes != entry.count * 8) return Corrupt("row numbers");
      piece->identities = {entry.source, entry.base, entry.width == 8 ? 8 : 4, data};
      if (entry.width != 8) {
        ARROW_ASSIGN_OR_RAISE(auto decoded, pool->AllocateOwned(entry.count * 4));
        ARROW_RETURN_NOT_OK(DecodeRows(entry, data, reinterpret_cast<uint32_t*>(decoded->mutable_data())));
        piece->identities.data = decoded->data();
        rows->frames.push_back(std::move(decoded));
      }
    } else {
      if (entry.column < 0 || entry.column >= static_cast<int32_t>(flat_widths.size())) return Corrupt("column number");
      ColumnSlice* slice = &piece->columns[entry.column];
      if (entry.kind == kFlat) {
        ARROW_RETURN_NOT_OK(ReadFlat(entry, data, flat_widths[entry.column], slice));
      } else {
        int64_t column_position = position;
        ARROW_ASSIGN_OR_RAISE(slice->array, ReadColumn(frame, &column_position, storage_types[entry.column]));
        if (slice->array->length != entry.count || column_position > position + PaddedTo8(entry.bytes)) return Corrupt("array length");
      }
    }
    position += PaddedTo8(entry.bytes);
  }
  rows->frames.push_back(frame);
  return Status::OK();
}

}  // namespace millstream
