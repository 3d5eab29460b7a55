#include "ingest/shuffle_buffer.h"

#include <algorithm>

#include "base/random.h"
#include "column/assemble.h"
#include "column/gather.h"

namespace millstream {
namespace {

/// Small, so that neither 32-bit offsets nor the memory limit are near while chunks are rewritten one by one.
constexpr int64_t kRewrittenChunkRows = 4096;

}  // namespace

ShuffleBuffer::ShuffleBuffer(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<BudgetPool> pool, uint64_t seed)
    : schema_(std::move(schema)), pool_(std::move(pool)), seed_(Mix64(seed + 0x9e3779b97f4a7c15ULL)) {}

Status ShuffleBuffer::ReserveSlots(int64_t count) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(Slot));
  if (slots_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(slots_, arrow::AllocateResizableBuffer(bytes, pool_.get()));
  }
  if (bytes <= slots_->size()) return Status::OK();
  return slots_->Resize(std::max(bytes, slots_->size() + slots_->size() / 2), /*shrink_to_fit=*/false);
}

uint32_t ShuffleBuffer::PlaceChunk(Columns columns, int64_t rows) {
  if (free_chunks_.empty()) {
    free_chunks_.push_back(static_cast<uint32_t>(chunks_.size()));
    chunks_.emplace_back();
    source_of_chunk_.push_back(-1);
  }
  const uint32_t place = free_chunks_.back();
  free_chunks_.pop_back();
  chunks_[place] = {std::move(columns), rows, rows};
  rows_held_ += rows;
  return place;
}

Status ShuffleBuffer::Add(const arrow::RecordBatch& batch) {
  if (batch.num_rows() == 0) return Status::OK();
  ARROW_RETURN_NOT_OK(ReserveSlots(slot_count_ + batch.num_rows()));
  Columns columns;
  for (int column = 0; column < batch.num_columns(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto copy, Concatenate({batch.column_data(column)}, schema_->field(column)->type(), pool_.get()));
    columns.push_back(std::move(copy));
  }
  const uint32_t chunk = PlaceChunk(std::move(columns), batch.num_rows());
  for (uint32_t row = 0; row < batch.num_rows(); ++row) slots()[slot_count_++] = {chunk, row};
  return Status::OK();
}

uint64_t ShuffleBuffer::RandomBelow(uint64_t bound) {
  const uint64_t bits = Mix64(seed_ ^ (draws_++ * 0x9e3779b97f4a7c15ULL));
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

Result<std::shared_ptr<arrow::RecordBatch>> ShuffleBuffer::Draw(int64_t count, arrow::MemoryPool* out) {
  // The drawn slots end up behind the others, where they stay readable until the next Add.
  for (int64_t drawn = 0; drawn < count; ++drawn) {
    const int64_t last = slot_count_ - drawn - 1;
    std::swap(slots()[RandomBelow(static_cast<uint64_t>(last) + 1)], slots()[last]);
  }
  const Slot* drawn = slots() + (slot_count_ - count);
  ARROW_ASSIGN_OR_RAISE(Columns columns, Collect(drawn, count, out));
  for (int column = 0; column < schema_->num_fields(); ++column) {
    ARROW_ASSIGN_OR_RAISE(columns[column], FromStorage(columns[column], schema_->field(column)->type(), out));
  }
  Release(drawn, count);
  slot_count_ -= count;
  if (rows_held_ > 2 * slot_count_) {
    const Status compacted = Compact();
    if (!compacted.ok() && KindOf(compacted) != ErrorKind::kBudget) return compacted;
  }
  return arrow::RecordBatch::Make(schema_, count, std::move(columns));
}

Result<ShuffleBuffer::Columns> ShuffleBuffer::Collect(const Slot* begin, int64_t count, arrow::MemoryPool* out) {
  // Only the chunks that these rows are in become sources, so that the cost does not grow with the buffer.
  std::vector<uint32_t> used;
  auto spans = std::make_unique<SpanList>(pool_.get());
  for (const Slot* slot = begin; slot != begin + count; ++slot) {
    int64_t& source = source_of_chunk_[slot->chunk];
    if (source < 0) {
      source = static_cast<int64_t>(used.size());
      used.push_back(slot->chunk);
    }
    spans->Append(source, slot->row, 1);
  }
  for (const uint32_t chunk : used) source_of_chunk_[chunk] = -1;
  ARROW_ASSIGN_OR_RAISE(const auto rows, OwnedSelection::OfSpans(std::move(spans)));
  Columns columns;
  for (int column = 0; column < schema_->num_fields(); ++column) {
    const auto type = StorageType(schema_->field(column)->type());
    Sources sources;
    for (const uint32_t chunk : used) sources.push_back(chunks_[chunk].columns[column]);
    ARROW_ASSIGN_OR_RAISE(auto collected, Assemble(Part{type, type, std::move(sources), true}, rows.rows(), out));
    columns.push_back(std::move(collected));
  }
  return columns;
}

void ShuffleBuffer::Release(const Slot* begin, int64_t count) {
  for (const Slot* slot = begin; slot != begin + count; ++slot) {
    Chunk& chunk = chunks_[slot->chunk];
    if (--chunk.rows_left > 0) continue;
    rows_held_ -= chunk.rows;
    chunk = {};
    free_chunks_.push_back(slot->chunk);
  }
}

Status ShuffleBuffer::Compact() {
  // From the last slots down: what was rewritten frees its old chunks as early as their rows run out.
  for (int64_t end = slot_count_; end > 0;) {
    const int64_t begin = std::max<int64_t>(end - kRewrittenChunkRows, 0);
    ARROW_ASSIGN_OR_RAISE(Columns columns, Collect(slots() + begin, end - begin, pool_.get()));
    Release(slots() + begin, end - begin);
    const uint32_t chunk = PlaceChunk(std::move(columns), end - begin);
    for (int64_t slot = begin; slot < end; ++slot) slots()[slot] = {chunk, static_cast<uint32_t>(slot - begin)};
    end = begin;
  }
  return Status::OK();
}

}  // namespace millstream
