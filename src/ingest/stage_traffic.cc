#include "ingest/stage_traffic.h"

#include <algorithm>

#include "format/batch_bytes.h"
#include "ingest/aggregate_stream.h"
#include "ingest/block_rows.h"
#include "ingest/group_exchange.h"
#include "ingest/group_shares.h"
#include "ingest/join_range.h"
#include "ingest/partition_groups.h"
#include "ingest/partitioned_join.h"

namespace millstream {
namespace {

int64_t StoredRowBytes(const arrow::Schema& schema) { return RowBytesGuess(schema) - 1; }

ExchangeRows RowsOf(const StreamRows& rows) { return {rows.count, rows.count * StoredRowBytes(*rows.schema), rows.schema->num_fields(), rows.batch_rows}; }

std::vector<int64_t> ColumnBytes(const arrow::Schema& schema) {
  std::vector<int64_t> bytes;
  for (const auto& field : schema.fields()) bytes.push_back(StoredRowBytes(arrow::Schema({field})));
  return bytes;
}

/// The exchanges of a join, each of which has some parts of its memory.
class JoinExchanges {
 public:
  JoinExchanges(const Engine& engine, int64_t memory_bytes) : engine_(engine), part_bytes_(memory_bytes / JoinParts::kAll) {}

  struct Exchange {
    int64_t batches = JoinParts::kSortedBatches;  // of a part, that come
    int64_t parts = 1;
    int64_t first_pass = 0;  // parts
    bool splitters_guessed = true;
  };
  Status Add(std::shared_ptr<arrow::Schema> schema, int64_t count, std::vector<int> columns, const Exchange& exchange, DiskTraffic* traffic) const {
    const StreamSort sort{std::move(columns), exchange.parts * part_bytes_, RowsWithin(part_bytes_ / JoinParts::kSortedBatches, *schema), exchange.first_pass * part_bytes_,
                          exchange.splitters_guessed};
    const int64_t batch_rows = std::max(RowsWithin(part_bytes_ / exchange.batches, *schema), JoinParts::kBatchRowsMin);
    const StreamRows rows{std::move(schema), count, batch_rows};
    ARROW_ASSIGN_OR_RAISE(const DiskTraffic added, SortTraffic(engine_, rows, sort));
    *traffic += added;
    return Status::OK();
  }

 private:
  const Engine& engine_;
  const int64_t part_bytes_;
};

std::shared_ptr<arrow::Schema> NumbersAnd(arrow::FieldVector fields) {
  fields.push_back(arrow::field("row of the left", arrow::int64()));
  fields.push_back(arrow::field("row of the right", arrow::int64()));
  return arrow::schema(std::move(fields));
}

/// With a hash and a number.
std::shared_ptr<arrow::Schema> HashedKeysOf(const arrow::Schema& schema, const std::vector<std::string>& keys) {
  arrow::FieldVector fields;
  for (const std::string& key : keys) {
    if (auto field = schema.GetFieldByName(key)) fields.push_back(std::move(field));
  }
  return NumbersAnd(std::move(fields));
}

std::shared_ptr<arrow::Schema> PairsWithRight(const arrow::Schema& right, const JoinSpec& spec) {
  arrow::FieldVector fields;
  for (const auto& field : right.fields()) {
    const bool is_key = std::find(spec.right_keys.begin(), spec.right_keys.end(), field->name()) != spec.right_keys.end();
    if (!is_key || KeepsRight(spec.type)) fields.push_back(field);
  }
  return NumbersAnd(std::move(fields));
}

DiskTraffic Once(const StreamRows& rows) {
  const int64_t bytes = RowsOf(rows).bytes;
  return {bytes, bytes};
}

/// A partition whose groups do not fit a table is parted into so many, which are written once more, and so on.
DiskTraffic PartedAgain(const ExchangeRows& rows, int64_t table_bytes) {
  // Of a group in a table, beside what is written of it.
  constexpr int64_t kGroupBytes = 32;
  DiskTraffic traffic;
  int64_t bytes = (rows.bytes + kGroupBytes * rows.count) / GroupShares::kExchangePartitions;
  for (; bytes > table_bytes && bytes > 0; bytes /= PartitionGroups::kParts) {
    const int64_t once = BytesOnDisk(rows, rows.batch_rows, PartitionGroups::kParts);
    traffic += {once, once};
  }
  return traffic;
}

}  // namespace

Result<DiskTraffic> SortTraffic(const Engine& engine, const StreamRows& rows, const StreamSort& sort) {
  ShuffleSizes sizes = SizesWithin(engine, sort.memory_bytes);
  sizes.batch_rows = sort.batch_rows;
  sizes.sort_columns = sort.columns;
  sizes.first_pass_bytes = sort.first_pass_bytes;
  sizes.splitters_guessed = sort.splitters_guessed;
  sizes.sorts = true;
  ARROW_ASSIGN_OR_RAISE(const auto program, RowProgram::PassThrough(rows.schema));
  const StreamSizes stream{rows.count, StreamSizes::kBatchRowsGuess, ColumnBytes(*rows.schema)};
  ARROW_ASSIGN_OR_RAISE(const auto plan, PlanShuffle(stream, *program, sizes));
  return TrafficOf(plan, sort.memory_bytes, RowsOf(rows), sizes);
}

DiskTraffic JoinTraffic::all() const {
  DiskTraffic sum = rows;
  for (const DiskTraffic& part : {keys, pairs, result}) sum += part;
  return sum;
}

Result<JoinTraffic> TrafficOfJoin(const Engine& engine, const StreamRows& left, const StreamRows& right, const JoinSpec& spec, int64_t memory_bytes) {
  const JoinExchanges exchanges(engine, memory_bytes);
  const auto hash_column = [](const arrow::Schema& schema) { return std::vector<int>{JoinHashColumn(schema)}; };
  JoinTraffic traffic;
  if (!GivesRight(spec.type)) traffic.rows += Once(left);
  if (!GivesLeft(spec.type)) traffic.rows += Once(right);
  const auto right_keys = HashedKeysOf(*right.schema, spec.right_keys);
  const auto left_keys = HashedKeysOf(*left.schema, spec.left_keys);
  ARROW_RETURN_NOT_OK(exchanges.Add(right_keys, right.count, hash_column(*right_keys), {.first_pass = JoinParts::kFirstPassOfRight}, &traffic.keys));
  ARROW_RETURN_NOT_OK(exchanges.Add(left_keys, left.count, hash_column(*left_keys), {.first_pass = 1}, &traffic.keys));
  const int64_t matched = std::max(left.count, right.count);
  ARROW_RETURN_NOT_OK(exchanges.Add(NumbersAnd({}), matched, {1}, {.batches = JoinParts::kJoinedBatches}, &traffic.pairs));
  if (GivesLeft(spec.type) || GivesRight(spec.type)) return traffic;
  const auto result = PairsWithRight(*right.schema, spec);
  const int numbers = result->num_fields() - 2;
  ARROW_RETURN_NOT_OK(exchanges.Add(result, matched, {numbers, numbers + 1}, {JoinParts::kFrames, JoinParts::kWithRight, 0, /*splitters_guessed=*/false}, &traffic.result));
  return traffic;
}

Result<GroupTraffic> TrafficOfGroups(const Engine& engine, const GroupTable& table, int64_t keys, int64_t rows, int64_t memory_bytes) {
  const int64_t share = memory_bytes / engine.scheduler()->lanes();
  const arrow::Schema& partials = *table.partial_schema();
  const int64_t row_bytes = std::max<int64_t>(StoredRowBytes(partials), 1);
  // A table is moved on before it is as large as it may be, where memory is short.
  const int64_t piece_bytes = share / GroupShares::kExchangeUsed / GroupWriter::kPieceShare / 2;
  const int64_t piece_rows = std::clamp<int64_t>(piece_bytes / row_bytes, 1, GroupShares::kGroupsMovedOn / 2);
  const ExchangeRows states{rows, rows * row_bytes, partials.num_fields(), piece_rows};
  GroupTraffic traffic;
  traffic.table_bytes = share / GroupShares::kGroups / TableShare(partials);
  // Once some are spilled nearly all are.
  const int64_t written = BytesOnDisk(states, piece_rows, GroupShares::kExchangePartitions);
  if (written > memory_bytes / GroupShares::kResident) traffic.most += {written, written};
  traffic.most += PartedAgain(states, share / GroupShares::kPartitions / TableShare(partials));
  const int64_t held = memory_bytes / GroupShares::kPartitions + memory_bytes / GroupShares::kResident + memory_bytes / GroupShares::kExchange;
  const int64_t left = (memory_bytes - held) / GroupShares::kSlack * (GroupShares::kSlack - 1);
  StreamSort sort{{}, left, RowsOfGroupSlice(left, row_bytes), 0};
  for (int64_t key = 0; key < keys; ++key) sort.columns.push_back(static_cast<int>(key));
  ARROW_ASSIGN_OR_RAISE(const DiskTraffic sorted, SortTraffic(engine, {table.result_schema(), rows, sort.batch_rows}, sort));
  traffic.most += sorted;
  return traffic;
}

}  // namespace millstream
