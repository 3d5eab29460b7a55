#pragma once
/// The out-of-core substrate of the keyed shuffle.
///
/// Write phase: every lane has a ShuffleWriter and groups its pieces by partition, column by column. All partitions are resident at first; when the
/// budget refuses memory, the writer that asked evicts its own rows of the last partitions into spill frames, and from then on these partitions
/// are spilled by everyone ("the watermark"). Partitions below the watermark never touch the disk. A writer's ledger has a floor
/// that holds any one of its steps, so a writer that has evicted all it held can always go on: none waits for another.
/// Read phase (after every writer's Finish): partitions are rebuilt in order by ShuffleStore::Load.

#include <arrow/type.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "exchange/grouped_piece.h"
#include "exchange/partition_rows.h"
#include "exchange/piece_order.h"
#include "spill/spill_area.h"

namespace millstream {

class PartitionOrder;
class SortOrder;

struct ShuffleOptions {
  std::shared_ptr<arrow::Schema> schema;  // of the rows that are shuffled, declared types
  ShuffleKeys keys;
  std::shared_ptr<const SortOrder> sort;  // null: rows are shuffled by their keys
  uint32_t stage = 0;
  std::shared_ptr<SpillArea> spill;  // may be null: then a refused allocation is an error
  int64_t staging_bytes = 1 << 20;
  bool always_spill = false;  // every piece goes to disk: for a second pass, and as a hostile switch for tests
  bool short_runs = false;    // frames are cut such that few make up a chunk of complete rows
  int64_t run_rows_max = 0;   // of such a chunk, and one piece more; 0: any number
  int64_t run_bytes_max = 0;  // the same of its bytes
  /// One partition, all of it on disk, each column of a piece in a frame of its own: rows kept there are taken up again a column at a time.
  bool column_frames = false;
};

/// A staging buffer that suits a memory limit.
int64_t StagingBytes(int64_t memory_limit_bytes);

class FrameBuilder;
class ShuffleStore;

struct SpilledFrame {
  uint32_t partition;
  int64_t rows;
  FrameLocation location;
  /// The rows of the writer's frames of this partition, up to this one and from the last such one on, are complete: each has all its columns.
  bool complete;
  // Where each column has a frame of its own:
  uint32_t piece = 0;
  int column = kRowNumbers;

  static constexpr int kRowNumbers = -1;
};

/// Rows of a store that can be taken up together: a piece in memory, a partition, or a complete run of one writer's frames of a partition.
struct StoredChunk {
  enum class Kind : uint8_t { kPiece, kPartition, kFrames };
  Kind kind;
  uint32_t index = 0;  // of the piece or partition
  uint32_t begin = 0;  // kFrames: [begin, end) of the partition's frames
  uint32_t end = 0;
};

/// Belongs to one lane; not thread-safe.
class ShuffleWriter {
 public:
  /// Both pools are this lane's own. `spill_pool` has a floor of FixedBytes, so that rows can be evicted when everything else is full.
  ShuffleWriter(ShuffleStore* store, uint32_t task, std::shared_ptr<BudgetPool> pool, std::shared_ptr<BudgetPool> spill_pool);

  /// The order of a piece's rows, evicting when memory is short. `sort_columns`: where rows are sorted, those of the piece, in the declared types.
  Result<PieceOrder> MakeOrder(const PieceRows& rows, const std::vector<std::shared_ptr<arrow::ArrayData>>& sort_columns = {});
  /// Starts a piece; its columns may be added in any order, each once. Returns the piece's index for the Add calls.
  Result<size_t> BeginPiece(const PieceRows& rows, const PieceOrder& order);
  /// Not those of which all is on disk, once another one has begun.
  size_t pieces_held() const { return pieces_.size(); }
  const GroupedPiece& piece(size_t index) const { return pieces_[index - pieces_forgotten_]; }

  /// Starts a flat column: values lie in [base, base + 2^(8 width)), as statistics say; AddFlat notices when they do not.
  Status BeginFlat(size_t piece, int column, int width, int64_t base);
  /// Adds rows [begin, begin + count) of the piece, `values` being flat values of the column's type. `valid` null: no nulls here.
  Status AddFlat(size_t piece, int column, const PieceOrder& order, int64_t begin, int64_t count, const uint8_t* values, const uint8_t* valid);
  /// Adds a whole array column: `values` in the declared type, one element for each of the piece's rows.
  Status AddArray(size_t piece, int column, const PieceOrder& order, const std::shared_ptr<arrow::ArrayData>& values);

  /// Evicts until `ledger` could take `bytes` more; does what it can. What others take meanwhile is theirs.
  Status EnsureRoom(int64_t bytes, Ledger& ledger);
  /// Makes room: evicts at least `bytes` if there is as much. Called on a refused request, and by the executor when the budget asks.
  Status Evict(int64_t bytes);
  /// Starts a piece of rows that come from another store, in their order there.
  Result<size_t> BeginStored(const PartitionRows& rows, const PieceOrder& order);
  Result<PieceOrder> MakeOrder(const PartitionRows& rows);
  /// Adds a whole column of them, as it was stored.
  Status AddStored(size_t piece, int column, const PieceOrder& order, const PartitionRows& rows);
  /// The same where there is something to evict and a disk to evict it to; else false.
  Result<bool> EvictSome(int64_t bytes);
  /// Hands the pieces over to the store.
  Status Finish();

  /// What a writer needs to spill: its staging buffer, and where some columns are no flat ones room to compact slices of arrays.
  static int64_t FixedBytes(int64_t staging_bytes, bool has_arrays);

  /// Allocates from the exchange's ledger, evicting when refused.
  Result<std::shared_ptr<OwnedBuffer>> Allocate(int64_t bytes);

 private:
  /// Runs `step`, evicting and trying again as long as the budget refuses and something is left to evict.
  template <typename Step>
  auto WithRoom(int64_t bytes, Step&& step) -> decltype(step());
  size_t AddPiece(GroupedPiece piece, const PieceOrder& order);
  GroupedPiece& Piece(size_t index) { return pieces_[index - pieces_forgotten_]; }
  Status AddGroups(size_t piece, int column, const PieceOrder& order, const arrow::ArrayData& stored);
  bool MayEvict() const;
  Status OpenRun();
  /// What is in memory of the partition; several frames where there is much to compact.
  Status WriteFrames(uint32_t partition);
  /// Where each column of a piece has a frame of its own: writes those that are complete.
  Status WriteColumns();
  Status WriteColumnFrames(const GroupedPiece& piece);
  Status AddColumn(const GroupedPiece& piece, uint32_t partition, int column, FrameBuilder* frame);
  /// Writes the frame, if there is anything in it, as the last of a complete run.
  Status EndRun(uint32_t partition, FrameBuilder* frame);
  void EndChunks();
  Status WriteFrame(uint32_t partition, FrameBuilder* frame, bool complete);
  void DropFrom(uint32_t watermark);
  /// Pieces of which nothing is in memory: frames tell what there is to know of them. Moves the others, so only where nobody has one in hand.
  void ForgetDropped();
  int64_t BytesFrom(uint32_t partition) const;
  Status WidenRun(GroupedPiece* piece, FlatRun* run, int to_width);
  Status EnsureValid(GroupedPiece* piece, FlatRun* run);

  ShuffleStore* store_;
  uint32_t task_;
  std::shared_ptr<BudgetPool> pool_;
  std::shared_ptr<BudgetPool> spill_pool_;
  std::vector<GroupedPiece> pieces_;  // but for those that are complete and all on disk
  size_t pieces_forgotten_ = 0;       // all came before those that are incomplete
  bool dropped_ = false;              // something, since pieces were forgotten
  std::unique_ptr<RunWriter> run_;
  std::vector<SpilledFrame> frames_;
};

class ShuffleStore {
 public:
  explicit ShuffleStore(ShuffleOptions options);

  const ShuffleOptions& options() const { return options_; }
  const std::vector<int>& flat_widths() const { return flat_widths_; }
  uint32_t partitions() const { return options_.keys.count; }
  const std::shared_ptr<arrow::DataType>& storage_type(int column) const { return storage_types_[column]; }
  /// Partitions below it are in memory.
  uint32_t watermark() const { return watermark_.load(std::memory_order_relaxed); }

  /// Nothing has been spilled. Valid once all writers have finished, as is what follows.
  bool all_resident() const { return watermark() == partitions() && bytes_written() == 0; }
  /// All rows, as chunks: pieces where nothing has been spilled, else partitions, or runs of frames where nothing is in memory.
  std::vector<StoredChunk> Chunks() const;
  /// The chunks of one partition as far as it has been spilled.
  std::vector<StoredChunk> ChunksOf(uint32_t partition) const;
  /// The rows of a partition that are in memory, each with all its columns: where every writer has evicted something, or nothing, after its last row.
  PartitionRows ResidentOf(uint32_t partition) const;
  /// Without its columns where each has a frame of its own.
  Result<PartitionRows> LoadChunk(const StoredChunk& chunk, const std::shared_ptr<BudgetPool>& pool) const;
  /// Brings such a column in; EndColumn lets go of it.
  Status LoadColumn(const StoredChunk& chunk, int column, const std::shared_ptr<BudgetPool>& pool, PartitionRows* rows) const;
  void EndColumn(int column, PartitionRows* rows) const;
  /// Rows of a chunk of frames, about: a piece may be in several.
  int64_t RowsOfChunk(const StoredChunk& chunk) const;
  const std::vector<std::shared_ptr<arrow::DataType>>& storage_types() const { return storage_types_; }
  /// About what LoadChunk takes from its pool, with the largest column where they are loaded one at a time.
  int64_t ChunkBytes(const StoredChunk& chunk) const;
  /// The rows are not needed again. May run beside LoadChunk of others.
  void DiscardChunk(const StoredChunk& chunk);

  /// Rows of each partition.
  std::vector<int64_t> PartitionCounts() const;
  Result<PartitionRows> Load(uint32_t partition, const std::shared_ptr<BudgetPool>& pool) const;
  /// The order of a partition's rows.
  Result<PartitionOrder> OrderOf(const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool) const;
  /// The partition's rows are not needed again.
  void Discard(uint32_t partition);

  /// While false a refused request is an error even where there is a disk: for rows that are moved ahead of time.
  void AllowEviction(bool allowed) { eviction_allowed_ = allowed; }

  /// Bytes of `partition` on disk, which Load reads into memory.
  int64_t SpilledBytes(uint32_t partition) const;
  int64_t RowsOf(uint32_t partition) const;
  /// The rows of all partitions below `partition` are not needed again: frees the pieces that hold no others in memory. May run beside Load of other partitions.
  void DropResidentBelow(uint32_t partition);

  int64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }
  int64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }

 private:
  friend class ShuffleWriter;
  void LowerWatermark(uint32_t to);
  void Accept(std::vector<GroupedPiece> pieces, std::vector<SpilledFrame> frames);
  Status ReadFrame(const SpilledFrame& frame, const std::shared_ptr<BudgetPool>& pool, std::vector<uint32_t>* piece_ids, PartitionRows* rows) const;
  int64_t SpilledRows(uint32_t partition) const;

  ShuffleOptions options_;
  std::vector<int> flat_widths_;
  std::atomic<uint32_t> watermark_;
  std::atomic<uint32_t> next_piece_{0};
  std::atomic<bool> eviction_allowed_{true};
  std::atomic<int64_t> bytes_written_{0};
  mutable std::atomic<int64_t> bytes_read_{0};
  std::vector<std::shared_ptr<arrow::DataType>> storage_types_;
  mutable std::mutex mutex_;  // guards the writers' hand-over; what it guards is constant in the read phase
  std::vector<GroupedPiece> pieces_;                      // with rows in memory, or that had some
  std::vector<std::vector<SpilledFrame>> frames_;         // by partition
};

}  // namespace millstream
