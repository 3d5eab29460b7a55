#pragma once
/// Groups all rows of an input: each lane aggregates what it reads into a table of its own, and the tables are brought together.
///
/// Tables that together hold few groups are merged into one. Where memory is short, or there are many groups, lanes move their groups' partial states into an
/// exchange, by hash of the key, resident while memory allows and spilled beyond; then its partitions are aggregated one by one (partition_groups.h). A lane whose
/// table has nearly as many groups as it took rows moves them on while the table is small, for merging them there costs more than it saves.

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "aggregate/group_table.h"
#include "exec/scatter_lane.h"
#include "exec/shared_input.h"
#include "exec/stream_task.h"
#include "ingest/partition_groups.h"

namespace millstream {

class AggregatePhase : public std::enable_shared_from_this<AggregatePhase> {
 public:
  struct Inputs {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<const ScanSource> source;  // null where rows come from `stream`
    std::shared_ptr<SharedInput> stream;
    std::shared_ptr<const RowProgram> program;  // gives the columns that keys and specs number
    std::vector<int> keys;
    std::vector<AggregateSpec> specs;
    std::string source_name;
    std::string stage_name;
    int64_t memory_bytes = 0;  // of the limit, that it may reserve and count on
  };

  /// Reserves the lanes' floors. kType, kInvalidArgument for what cannot be aggregated so.
  static Result<std::shared_ptr<AggregatePhase>> Make(Inputs inputs);

  Status Start();
  StreamCore& core() { return core_; }
  const std::shared_ptr<arrow::Schema>& result_schema() const { return result_schema_; }

  enum class Progress : uint8_t { kRunning, kOneTable, kPartitions };
  /// How far it is; while it runs, and until some results of partitions are there, the waker is kept as the consumer's.
  Progress progress(const Waker& waker);
  /// kOneTable: all groups, sorted by PrepareFinish.
  GroupTable& table() { return *lanes_.front().table; }
  /// kPartitions: results of one partition after the other, in no order; null at the end, nothing where they are to come.
  Result<std::optional<std::shared_ptr<arrow::RecordBatch>>> TryTakeResults(const Waker& waker);
  /// kPartitions: about what there will be, from the results so far.
  struct ResultSizes {
    int64_t rows;
    std::vector<int64_t> row_bytes;  // of each column
  };
  ResultSizes result_sizes();
  /// Of its share, what it does not need once it gives results of partitions.
  int64_t memory_left() const { return memory_left_; }
  /// Groups are left that may take all memory, but what those who bring the results into order need: these are to reserve it first, and say so.
  bool WaitsForSort();
  void SortIsOpen();
  const Inputs& inputs() const { return inputs_; }

  std::vector<const StageStatistics*> stages() const;
  void UpdateStatistics();
  /// Stops the lanes, waits for them and gives everything back. Idempotent.
  void Release();

 private:
  friend class AggregateTask;
  friend class PartTask;
  friend class PartitionTask;
  struct Lane {
    std::shared_ptr<BudgetPool> scan;
    std::shared_ptr<BudgetPool> groups;
    std::shared_ptr<BudgetPool> exchange;
    std::shared_ptr<BudgetPool> spill;
    std::unique_ptr<GroupTable> table;
    std::unique_ptr<GroupWriter> writer;
    GroupWriter::Pools pools() const { return {groups, exchange, spill}; }
  };
  /// Whether the lane's table may grow on: its floor is raised with it, so that its partial states always find room beside it.
  bool MayGrow(Lane& lane) const;

  explicit AggregatePhase(Inputs inputs);
  Result<std::unique_ptr<GroupTable>> MakeTable(const std::shared_ptr<BudgetPool>& pool) const;
  Status OpenLane(int lane);
  /// The exchange, made when the first lane needs it.
  Result<ShuffleStore*> Store();
  /// Moves the lane's groups into the exchange.
  Status Part(Lane& lane);
  void LaneFinished();
  /// By the last lane.
  Status BringTogether();
  Status MergeTables();
  void LaneParted();
  /// Divides the memory anew.
  void ShareForPartitions();
  PartitionGroups GroupsOf(size_t lane);
  /// Whether the consumer has results enough to take: then the waker is kept.
  bool ResultsWait(const Waker& waker);
  /// Whether the next group that was left for last waits for the sort: then the waker is kept.
  bool WaitForSort(const Waker& waker);
  /// Begins the next partition, if there is one; `alone`: of those that were left for last.
  bool BeginPartition(bool alone, PartitionGroups* groups, uint32_t* partition);
  void AddResults(PartitionGroups::Results results);
  void PartitionDone(uint32_t partition);
  /// The lane has no more partitions to begin.
  void LaneAggregated(size_t lane, std::vector<PartitionGroups::Part> large);
  Status Submit(std::unique_ptr<Task> task) { return inputs_.engine->scheduler()->Submit(std::move(task), Priority::kNormal); }

  const Inputs inputs_;
  StreamCore core_;
  StageStatistics scan_;
  StageStatistics statistics_;
  const std::shared_ptr<LedgerGroup> memory_;
  std::shared_ptr<arrow::Schema> result_schema_;
  std::shared_ptr<arrow::Schema> partial_schema_;
  std::vector<Lane> lanes_;
  std::unique_ptr<ScanCursor> cursor_;
  int64_t groups_floor_max_ = 0;
  int64_t table_share_ = 1;  // of what is for the groups
  std::atomic<int> lanes_running_{0};
  std::atomic<int64_t> groups_at_most_{0};
  std::atomic<int64_t> memory_left_{0};
  std::atomic<int64_t> written_again_{0};  // of partitions that were parted again
  std::atomic<int64_t> read_again_{0};
  std::mutex mutex_;
  // Guarded by mutex_:
  Progress progress_ = Progress::kRunning;
  std::shared_ptr<ShuffleStore> store_;  // after the lanes, whose memory it holds
  uint32_t next_partition_ = 0;
  std::set<uint32_t> partitions_running_;
  std::vector<PartitionGroups::Part> large_;
  bool sort_is_open_ = false;
  bool waits_for_sort_ = false;
  int64_t groups_most_ = 0;  // while it is not open
  int64_t rows_given_ = 0;
  bool finished_ = false;  // all results are there
  std::deque<std::shared_ptr<arrow::RecordBatch>> results_;
  bool released_ = false;
};

}  // namespace millstream
