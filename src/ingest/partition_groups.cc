#include "ingest/partition_groups.h"

#include <arrow/array.h>
#include <arrow/scalar.h>

#include <algorithm>

#include "base/bytes.h"
#include "ops/apply_program.h"

namespace millstream {
namespace {

/// Keys that so many levels have not told apart have one hash.
constexpr int kLevelsMax = 24;
/// Of what the lane's pool is promised: results that are made at a time.
constexpr int64_t kResultsShare = 8;
constexpr int64_t kResultRows = 64 << 10;
constexpr int64_t kKeyTextMax = 60;
/// Where all must spill, partitions of two groups and more are parted so often.
constexpr int kLevelsAlways = 2;

std::string KeyOf(const arrow::RecordBatch& rows, int64_t row, int keys) {
  std::string text;
  for (int column = 0; column < keys; ++column) {
    const auto value = rows.column(column)->GetScalar(row);
    text += (column == 0 ? "" : ", ") + rows.schema()->field(column)->name() + " = " + (value.ok() ? (*value)->ToString().substr(0, kKeyTextMax) : "?");
  }
  return text;
}

}  // namespace

void PartitionGroups::Begin(Part part, bool alone) {
  parts_ = {std::move(part)};
  alone_ = alone;
}

Result<PartitionGroups::Results> PartitionGroups::Next() {
  const Part part = std::move(parts_.back());
  parts_.pop_back();
  if (part.level > 0) part.store->DropResidentBelow(part.partition);
  rows_at_once_ = kRowsAtOnceMax;
  key_.clear();
  ARROW_ASSIGN_OR_RAISE(const auto table, inputs_.make_table());
  Parting parting;
  const int64_t read_before = part.store->bytes_read();
  ARROW_RETURN_NOT_OK(Take(part, *table, &parting));
  if (part.level > 0) *inputs_.read_back += part.store->bytes_read() - read_before;
  if (parting.store == nullptr) {
    auto results = ResultsOf(*table);
    if (!RefusedMemory(results.status())) return results;
    if (alone_ && table->groups() == 1) return OneGroupIsTooLarge(key_, table->bytes(), *inputs_.engine);
  }
  ARROW_RETURN_NOT_OK(PartFurther(part, *table, &parting));
  ARROW_RETURN_NOT_OK(EndParting(part, std::move(parting)));
  return Results{};
}

Status PartitionGroups::Take(const Part& part, GroupTable& table, Parting* parting) {
  PartitionReader reader(part.store, part.partition, table.partial_schema());
  Batch batch;
  for (bool ended = false; !ended;) {
    ARROW_RETURN_NOT_OK(inputs_.cancellation->status());
    const Status status = Step(reader, &batch, table, &ended);
    const bool refused = RefusedMemory(status);
    if (!refused) ARROW_RETURN_NOT_OK(status);
    if (refused && table.groups() <= (alone_ ? 1 : 0)) {
      ARROW_ASSIGN_OR_RAISE(const bool again, GiveBack(batch, parting));
      if (again) continue;
      return table.groups() == 0 && batch.rows == nullptr ? status : OneGroupIsTooLarge(key_, table.bytes(), *inputs_.engine);
    }
    if (refused || IsFull(part, table)) ARROW_RETURN_NOT_OK(PartFurther(part, table, parting));
  }
  return Status::OK();
}

Status PartitionGroups::Step(PartitionReader& reader, Batch* batch, GroupTable& table, bool* ended) {
  if (batch->rows == nullptr) {
    ARROW_ASSIGN_OR_RAISE(batch->rows, reader.Next(inputs_.pools.groups));
    batch->next = 0;
    *ended = batch->rows == nullptr;
    if (*ended) return Status::OK();
    if (alone_ && key_.empty()) key_ = KeyOf(*batch->rows, 0, inputs_.keys);
  }
  const auto rows = batch->rows->Slice(batch->next, rows_at_once_);
  ARROW_RETURN_NOT_OK(table.ConsumePartials(*rows));
  batch->next += rows->num_rows();
  if (batch->next == batch->rows->num_rows()) batch->rows.reset();
  return Status::OK();
}

Result<bool> PartitionGroups::GiveBack(const Batch& batch, Parting* parting) {
  if (parting->writer != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const bool evicted, parting->writer->EvictSome());
    if (evicted) return true;
  }
  if (batch.rows == nullptr || rows_at_once_ == 1) return false;
  rows_at_once_ = std::max<int64_t>(std::min(rows_at_once_, batch.rows->num_rows()) / 2, 1);
  return true;
}

bool PartitionGroups::IsFull(const Part& part, const GroupTable& table) const {
  if (alone_ && table.groups() == 1) return false;
  if (inputs_.engine->options().always_spill && part.level < kLevelsAlways && table.groups() > 1) return true;
  return table.bytes() > inputs_.pools.groups->ledger()->floor_bytes() / TableShare(*table.partial_schema());
}

Status PartitionGroups::PartFurther(const Part& part, GroupTable& table, Parting* parting) const {
  if (table.groups() == 0) return Status::OK();
  if (parting->store == nullptr) {
    const int64_t chunk_bytes = inputs_.pools.groups->ledger()->floor_bytes() / ChunkShare(*table.partial_schema());
    ARROW_ASSIGN_OR_RAISE(parting->store, MakeGroupStore(*inputs_.engine, table.partial_schema(), kParts, chunk_bytes));
    parting->writer = std::make_unique<GroupWriter>(parting->store.get(), inputs_.lane, part.level + 1, inputs_.pools);
    parting->hash = table.first_hash();
  }
  parting->one_group &= table.groups() == 1 && table.first_hash() == parting->hash;
  return parting->writer->Part(table);
}

Status PartitionGroups::EndParting(const Part& part, Parting parting) {
  if (part.level == kLevelsMax) {
    return MakeError(ErrorKind::kBudget, "groupby: groups whose keys have the same hash do not fit the memory; set a larger memory_limit (or MILLSTREAM_MEMORY_LIMIT)");
  }
  ARROW_RETURN_NOT_OK(parting.writer->Finish(inputs_.pools.exchange->ledger()->floor_bytes() / 2));
  *inputs_.written += parting.store->bytes_written();
  const bool leave = parting.one_group && !alone_;
  for (uint32_t next = kParts; next-- > 0;) {
    if (parting.store->RowsOf(next) > 0) (leave ? large_ : parts_).push_back({parting.store, next, part.level + 1});
  }
  return Status::OK();
}

Result<PartitionGroups::Results> PartitionGroups::ResultsOf(GroupTable& table) const {
  Results results;
  if (table.groups() == 0) return results;
  ARROW_RETURN_NOT_OK(table.PrepareFinish());
  const int64_t group_bytes = table.bytes() / table.groups() + 1;
  int64_t rows = std::clamp<int64_t>(inputs_.pools.groups->ledger()->floor_bytes() / kResultsShare / group_bytes, 1, kResultRows);
  for (int64_t begin = 0; begin < table.groups();) {
    const auto slice = table.FinishSlice(begin, rows);
    if (RefusedMemory(slice.status()) && rows > 1) {
      rows /= 2;
      continue;
    }
    ARROW_RETURN_NOT_OK(slice.status());
    ARROW_ASSIGN_OR_RAISE(auto copied, CopyBatch(**slice, arrow::default_memory_pool()));
    begin += copied->num_rows();
    results.push_back(std::move(copied));
  }
  return results;
}

Status OneGroupIsTooLarge(const std::string& key, int64_t bytes, const Engine& engine) {
  const std::string which = key.empty() ? "" : " (" + key + ")";
  return MakeError(ErrorKind::kBudget, "groupby: what is kept of one group does not fit the memory" + which + ": it takes more than " + FormatBytes(bytes) + " of the limit of " +
                                           FormatBytes(engine.budget()->limit_bytes()) + "; set a larger memory_limit (or MILLSTREAM_MEMORY_LIMIT), group by more columns, "
                                           "or use an aggregation that does not keep every value");
}

}  // namespace millstream
