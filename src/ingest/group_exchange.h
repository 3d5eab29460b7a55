#pragma once
/// Groups of GroupTables on their way through an exchange, as partial states: its partitions are by the hash of the key.
///
///   ARROW_ASSIGN_OR_RAISE(auto store, MakeGroupStore(*engine, table->partial_schema(), /*partitions=*/256, /*chunk_bytes=*/1 << 20));
///   GroupWriter writer(store.get(), lane, /*level=*/0, pools);          // one a lane
///   ARROW_RETURN_NOT_OK(writer.Part(*table));                           // as often as the table is full
///   ARROW_RETURN_NOT_OK(writer.Finish(resident_bytes));
///   PartitionReader reader(store, partition, table->partial_schema());  // once all have finished: batches of a few rows for ConsumePartials
///
/// A group may come several times, from several lanes and tables. A refusal that eviction does not help is kBudget.

#include <memory>
#include <vector>

#include "aggregate/group_table.h"
#include "exchange/shuffle_store.h"
#include "exec/engine.h"

namespace millstream {

/// `chunk_bytes`: what a reader has of one partition in memory at a time, about.
Result<std::shared_ptr<ShuffleStore>> MakeGroupStore(Engine& engine, std::shared_ptr<arrow::Schema> partial_schema, uint32_t partitions, int64_t chunk_bytes);

bool RefusedMemory(const Status& status);

/// A table moves its groups on when it takes this share of what its pool is promised: beside it there must be room for growing by copies, for partial states on their
/// way out and for others on their way in. Where states are lists it is small, for a list is moved as a whole.
int64_t TableShare(const arrow::Schema& partial_schema);
/// A chunk of a partition, of the same.
inline int64_t ChunkShare(const arrow::Schema& partial_schema) { return 2 * TableShare(partial_schema); }

/// Not thread-safe.
class GroupWriter {
 public:
  /// Of what the exchange's pool is promised: a piece of partial states in it.
  static constexpr int64_t kPieceShare = 4;

  /// A lane's own: tables are made of `groups`; `exchange` has a floor that holds a step, `spill` one of ShuffleWriter::FixedBytes.
  struct Pools {
    std::shared_ptr<BudgetPool> groups;
    std::shared_ptr<BudgetPool> exchange;
    std::shared_ptr<BudgetPool> spill;
  };

  /// `level`: of the hash, by which the store's partitions are told apart.
  GroupWriter(ShuffleStore* store, uint32_t lane, int level, Pools pools);

  /// Moves the table's groups into the exchange, which leaves it empty. The batches of partials are made a part of the groups at a time.
  Status Part(GroupTable& table);
  /// Spills some of the writer's rows; false where there are none in memory.
  Result<bool> EvictSome() { return writer_.EvictSome(pools_.exchange->ledger()->used_bytes()); }
  /// Hands over to the store. At most so many bytes of the writer's rows stay in memory, if there is a disk.
  Status Finish(int64_t resident_bytes_max);

  int64_t rows() const { return rows_; }

 private:
  /// Rows that are groups [first, …) in the order of the table's partitions.
  Status AddRows(const arrow::RecordBatch& rows, int64_t first, const std::vector<int64_t>& part_offsets);
  Status AddPiece(const arrow::RecordBatch& rows, int64_t bytes, int64_t first, const std::vector<int64_t>& part_offsets);

  ShuffleStore* const store_;
  const uint32_t lane_;
  const int level_;
  const Pools pools_;
  const int64_t piece_bytes_max_;
  ShuffleWriter writer_;
  int64_t rows_ = 0;
};

/// The rows of one partition, each once: what has been given is not kept on disk. Not thread-safe; others may read other partitions.
class PartitionReader {
 public:
  PartitionReader(std::shared_ptr<ShuffleStore> store, uint32_t partition, std::shared_ptr<arrow::Schema> schema);
  /// Null at the end. After a refusal it may be called again.
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const std::shared_ptr<BudgetPool>& pool);

 private:
  /// Pieces in memory that make up a chunk, from next_resident_ on.
  size_t ResidentChunkEnd() const;
  Result<std::shared_ptr<arrow::RecordBatch>> BatchOf(const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) const;

  const std::shared_ptr<ShuffleStore> store_;
  const std::shared_ptr<arrow::Schema> schema_;
  const PartitionRows resident_;
  const std::vector<StoredChunk> chunks_;
  size_t next_resident_ = 0;
  size_t next_chunk_ = 0;
};

}  // namespace millstream
