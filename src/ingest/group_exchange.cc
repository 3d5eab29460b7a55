#include "ingest/group_exchange.h"

#include <algorithm>

#include "column/gather.h"
#include "exchange/partition_columns.h"
#include "exec/add_arrays.h"

namespace millstream {
namespace {

constexpr int64_t kSliceRowsMax = 64 << 10;
/// Of what a pool is promised: a slice of a table's partial states.
constexpr int64_t kSliceShare = 8;
constexpr int64_t kPieceBytesMin = 16 << 10;

int64_t BytesOf(const arrow::RecordBatch& rows) {
  int64_t bytes = 0;
  for (const auto& column : rows.column_data()) bytes += RowBytes(*column, 0, column->length);
  return bytes;
}

}  // namespace

bool RefusedMemory(const Status& status) { return !status.ok() && KindOf(status) == ErrorKind::kBudget; }

int64_t TableShare(const arrow::Schema& partial_schema) {
  const auto& fields = partial_schema.fields();
  const bool lists = std::any_of(fields.begin(), fields.end(), [](const auto& field) { return field->type()->id() == arrow::Type::LARGE_LIST; });
  return lists ? 16 : 4;
}

Result<std::shared_ptr<ShuffleStore>> MakeGroupStore(Engine& engine, std::shared_ptr<arrow::Schema> partial_schema, uint32_t partitions, int64_t chunk_bytes) {
  ShuffleOptions options;
  options.keys = ShuffleKeys::All(EpochKey{}, partitions, 0);
  options.staging_bytes = StagingBytes(engine.options().memory_limit_bytes);
  options.always_spill = engine.options().always_spill;
  options.short_runs = true;
  options.run_bytes_max = chunk_bytes;
  options.schema = std::move(partial_schema);
  ARROW_ASSIGN_OR_RAISE(const auto area, engine.spill());
  ARROW_ASSIGN_OR_RAISE(options.spill, area->NewScope());
  return std::make_shared<ShuffleStore>(std::move(options));
}

GroupWriter::GroupWriter(ShuffleStore* store, uint32_t lane, int level, Pools pools)
    : store_(store), lane_(lane), level_(level), pools_(std::move(pools)),
      piece_bytes_max_(std::max(pools_.exchange->ledger()->floor_bytes() / kPieceShare, kPieceBytesMin)), writer_(store, lane, pools_.exchange, pools_.spill) {}

Status GroupWriter::Part(GroupTable& table) {
  const int64_t groups = table.groups();
  if (groups == 0) return Status::OK();
  Status prepared = table.PrepareParts(static_cast<int>(store_->partitions()), level_);
  while (RefusedMemory(prepared)) {
    ARROW_ASSIGN_OR_RAISE(const bool evicted, writer_.EvictSome(table.bytes()));
    if (!evicted) break;
    prepared = table.PrepareParts(static_cast<int>(store_->partitions()), level_);
  }
  ARROW_RETURN_NOT_OK(prepared);
  const int64_t group_bytes = table.bytes() / groups + 1;
  int64_t rows_at_once = std::clamp<int64_t>(pools_.groups->ledger()->floor_bytes() / kSliceShare / group_bytes, 1, kSliceRowsMax);
  for (int64_t begin = 0; begin < groups;) {
    const auto slice = table.PartialsSlice(begin, std::min(rows_at_once, groups - begin));
    if (RefusedMemory(slice.status())) {
      ARROW_ASSIGN_OR_RAISE(const bool evicted, writer_.EvictSome(rows_at_once * group_bytes));
      if (evicted) continue;
      if (rows_at_once == 1) return slice.status();
      rows_at_once /= 2;
      continue;
    }
    ARROW_RETURN_NOT_OK(slice.status());
    ARROW_RETURN_NOT_OK(AddRows(**slice, begin, table.part_offsets()));
    begin += (*slice)->num_rows();
  }
  table.Clear();
  return Status::OK();
}

Status GroupWriter::AddRows(const arrow::RecordBatch& rows, int64_t first, const std::vector<int64_t>& part_offsets) {
  const int64_t count = rows.num_rows(), bytes = BytesOf(rows);
  if (count == 1 || bytes <= piece_bytes_max_) return AddPiece(rows, bytes, first, part_offsets);
  ARROW_RETURN_NOT_OK(AddRows(*rows.Slice(0, count / 2), first, part_offsets));
  return AddRows(*rows.Slice(count / 2), first + count / 2, part_offsets);
}

Status GroupWriter::AddPiece(const arrow::RecordBatch& rows, int64_t bytes, int64_t first, const std::vector<int64_t>& part_offsets) {
  const int64_t count = rows.num_rows();
  const auto assign = [&](uint32_t* partition_of_row) {
    auto end = std::upper_bound(part_offsets.begin(), part_offsets.end(), first);
    for (int64_t row = first; row < first + count; ++end) {
      const int64_t until = std::min(*end, first + count);
      partition_of_row = std::fill_n(partition_of_row, std::max<int64_t>(until - row, 0), static_cast<uint32_t>(end - part_offsets.begin() - 1));
      row = std::max(row, until);
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(writer_.EnsureRoom(2 * bytes + 16 * count, *pools_.exchange->ledger()));
  ARROW_ASSIGN_OR_RAISE(const auto order, PieceOrder::MakeBy(count, store_->partitions(), pools_.exchange, assign));
  ARROW_ASSIGN_OR_RAISE(const size_t piece, writer_.BeginPiece({lane_, rows_, count, nullptr}, order));
  rows_ += count;
  for (int column = 0; column < rows.num_columns(); ++column) {
    ARROW_RETURN_NOT_OK(AddArrays(writer_, piece, column, store_->flat_widths()[column], order, rows.column_data(column)));
  }
  return Status::OK();
}

Status GroupWriter::Finish(int64_t resident_bytes_max) {
  const int64_t excess = pools_.exchange->ledger()->used_bytes() - resident_bytes_max;
  // What has been evicted of the writer's last piece is not read apart from the rest.
  if (excess > 0 || store_->watermark() < store_->partitions()) ARROW_RETURN_NOT_OK(writer_.EvictSome(std::max<int64_t>(excess, 0)).status());
  return writer_.Finish();
}

PartitionReader::PartitionReader(std::shared_ptr<ShuffleStore> store, uint32_t partition, std::shared_ptr<arrow::Schema> schema)
    : store_(std::move(store)), schema_(std::move(schema)), resident_(store_->ResidentOf(partition)), chunks_(store_->ChunksOf(partition)) {}

Result<std::shared_ptr<arrow::RecordBatch>> PartitionReader::Next(const std::shared_ptr<BudgetPool>& pool) {
  if (next_resident_ < resident_.pieces.size()) {
    const size_t end = ResidentChunkEnd();
    PartitionRows rows;
    rows.pieces.assign(resident_.pieces.begin() + static_cast<int64_t>(next_resident_), resident_.pieces.begin() + static_cast<int64_t>(end));
    for (const PartitionPiece& piece : rows.pieces) rows.count += piece.count;
    ARROW_ASSIGN_OR_RAISE(auto batch, BatchOf(rows, pool));
    next_resident_ = end;
    return batch;
  }
  if (next_chunk_ == chunks_.size()) return nullptr;
  ARROW_ASSIGN_OR_RAISE(const PartitionRows rows, store_->LoadChunk(chunks_[next_chunk_], pool));
  ARROW_ASSIGN_OR_RAISE(auto batch, BatchOf(rows, pool));
  store_->DiscardChunk(chunks_[next_chunk_++]);
  return batch;
}

size_t PartitionReader::ResidentChunkEnd() const {
  int64_t bytes = 0;
  size_t end = next_resident_;
  for (; end < resident_.pieces.size() && bytes < store_->options().run_bytes_max; ++end) {
    const PartitionPiece& piece = resident_.pieces[end];
    for (const ColumnSlice& column : piece.columns) bytes += column.array == nullptr ? piece.count * column.width : RowBytes(*column.array, 0, column.array->length);
  }
  return end;
}

Result<std::shared_ptr<arrow::RecordBatch>> PartitionReader::BatchOf(const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) const {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < schema_->num_fields(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto stored, WholeColumn(rows, column, store_->flat_widths()[column], store_->storage_type(column), pool));
    ARROW_ASSIGN_OR_RAISE(auto values, FromStorage(stored, schema_->field(column)->type(), pool.get()));
    columns.push_back(std::move(values));
  }
  return arrow::RecordBatch::Make(schema_, rows.count, std::move(columns));
}

}  // namespace millstream
