#pragma once
/// The read phase of one epoch: lanes take the partitions of a finished ShuffleStore in order, rebuild them and write their rows straight into slabs, which
/// the consumer takes in order. In a shuffle of two passes there is a store for each coarse partition, one after the other.
///
/// Memory: a lane raises its ledger's floor to what its next partition needs before it loads it, and waits where that is refused, as long as somebody
/// else can still give memory back. The partition that the consumer waits for always fits the floors that the plan reserved. A refusal in
/// the middle is not an error either: a partition can be begun again, for nothing of it is seen before it is complete.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "exchange/partition_order.h"
#include "ingest/scatter_phase.h"
#include "ingest/second_pass.h"
#include "ingest/slab.h"

namespace millstream {

class GatherPhase : public std::enable_shared_from_this<GatherPhase> {
 public:
  struct Options {
    int64_t batch_rows = 1024;
    int64_t skip_rows = 0;      // of the first key that a resume keeps
  };
  struct ReadySlab {
    std::shared_ptr<Slab> slab;
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  };

  /// Reserves the gather lanes' and the slabs' floors.
  static Result<std::shared_ptr<GatherPhase>> Make(std::shared_ptr<ScatterPhase> scatter, const Options& options);
  ~GatherPhase();

  /// Gives everything back; no task may be left.
  void Release();
  /// All batches have been taken: what was reserved for them is free.
  void ReturnFloors();

  /// Once the scatter phase has finished; from any thread.
  void Start();
  /// The next slab is there, or there will be none. Else the waker is kept as the consumer's.
  bool Ready(const Waker& waker);
  /// After Ready: the next slab, nothing at the end. It stays charged until HandOver.
  std::optional<ReadySlab> Take();
  /// The slab taken last is the user's from now on.
  void HandOver(Slab& slab);
  /// Nothing before the scatter phase has finished.
  std::optional<int64_t> total_rows();
  StageStatistics& statistics() { return output_; }
  /// Null in a shuffle of one pass.
  const SecondPass* second_pass() const { return second_pass_.get(); }
  void UpdateStatistics();

 private:
  friend class GatherTask;
  enum class Claim : uint8_t { kPartition, kWait, kEnd };
  /// Rows of one partition that fall into one slab.
  struct SlabRange {
    std::shared_ptr<Slab> slab;
    int64_t order_begin;  // in the partition's order
    int64_t slab_begin;   // in the slab
    int64_t count;
  };
  struct PendingArray {
    Slab* slab;
    int column;
    int64_t row;
    std::shared_ptr<arrow::ArrayData> values;
  };

  GatherPhase(std::shared_ptr<ScatterPhase> scatter, const Options& options);
  StreamCore& core() { return scatter_->core(); }
  const ShufflePlan& plan() const { return scatter_->inputs().plan; }
  Priority priority() const { return scatter_->priority(); }
  void SubmitTask(const std::shared_ptr<BudgetPool>& pool);
  int64_t rows_of_slab(int64_t slab) const { return std::min(plan().slab_rows, total_rows_ - slab * plan().slab_rows); }

  /// From now on the partitions of `store` are gathered, those before having been used up.
  void Serve(std::shared_ptr<ShuffleStore> store);
  void ServeNextCoarse();
  /// kWait keeps the waker.
  Claim ClaimPartition(uint32_t* partition, const Waker& waker);
  /// Rebuilds the partition. After a kBudget error it may be called again.
  Status Gather(uint32_t partition, const std::shared_ptr<BudgetPool>& pool);
  Status GatherColumn(const PartitionRows& rows, const PartitionOrder& order, int column, const std::vector<SlabRange>& ranges,
                      const std::shared_ptr<BudgetPool>& pool, std::vector<PendingArray>* pending);
  Result<std::vector<SlabRange>> RangesOf(uint32_t partition, int64_t count);
  void SetPositions(const PartitionOrder& order, const std::vector<SlabRange>& ranges);
  void MarkWritten(const std::vector<SlabRange>& ranges);
  /// Makes batches of the slabs that are full.
  Status FinishSlabs();
  void PartitionDone(uint32_t partition);
  /// After a refusal: true if the lane is to wait for others, which keeps the waker; false if there is nobody to wait for.
  bool Wait(uint32_t partition, const Waker& waker);
  void EndWait(uint32_t partition);
  int64_t BytesToGather(uint32_t partition);

  const std::shared_ptr<ScatterPhase> scatter_;
  const Options options_;
  StageStatistics output_{"Batches"};
  std::vector<std::shared_ptr<BudgetPool>> pools_;
  std::shared_ptr<Ledger> slab_ledger_;
  std::shared_ptr<SecondPass> second_pass_;
  std::vector<int64_t> coarse_rows_;
  bool keep_rows_ = false;

  std::mutex mutex_;
  // Guarded by mutex_:
  bool started_ = false;
  bool last_store_ = false;
  uint32_t next_coarse_ = 0;
  int64_t served_rows_ = 0;         // of the stores so far, those that a resume skips being negative
  std::shared_ptr<ShuffleStore> store_;  // changes only while no partition is claimed
  std::vector<int64_t> first_row_;  // of each of its partitions in the output order, partitions + 1
  int64_t total_rows_ = 0;
  uint32_t next_partition_ = 0;
  std::set<uint32_t> claimed_;      // and not done
  int64_t next_slab_ = 0;           // that the consumer waits for
  int64_t slab_count_ = 0;
  int running_ = 0;                 // lanes at work on a partition
  bool delivering_ = false;         // a slab has been taken and not handed over
  std::vector<uint32_t> refused_;   // partitions whose lanes wait for memory
  std::map<int64_t, std::shared_ptr<Slab>> open_slabs_;
  std::deque<std::shared_ptr<Slab>> full_slabs_;
  std::map<int64_t, ReadySlab> ready_;
};

}  // namespace millstream
