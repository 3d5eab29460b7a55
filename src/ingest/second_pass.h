#pragma once
/// The second of two passes: one coarse partition after the other is moved from the disk into a store of its own, whose partitions are then put into order.
///
/// One pass would cut the rows into so many partitions that the frames of each would be tiny. Here the first pass cuts them into few, in large frames, and
/// each of these is small enough to be cut again in memory (or with large frames once more, where it is not).

#include <functional>
#include <memory>
#include <vector>

#include "ingest/scatter_phase.h"

namespace millstream {

class SecondPass : public std::enable_shared_from_this<SecondPass> {
 public:
  using Ready = std::function<void(std::shared_ptr<ShuffleStore>)>;

  /// `first` has finished, and has spilled all its rows. Its lanes' memory is used.
  explicit SecondPass(std::shared_ptr<ScatterPhase> first) : first_(std::move(first)), statistics_(first_->inputs().stage_name + ", second pass") {}

  /// Moves the rows of one coarse partition; calls `ready` on a lane once they are all in the store. The rows of the one before must have been used
  /// up. Errors go to the stream.
  void Move(uint32_t coarse, Ready ready);
  /// Gives everything back; no task may be left.
  void Release();
  /// Bytes of the stores that it gave, which were spilled once more.
  void CountReadBack(int64_t bytes) { statistics_.read_back_bytes += bytes; }
  const StageStatistics& statistics() const { return statistics_; }

 private:
  friend class SecondPassTask;
  void LaneFinished();
  Status Submit(uint32_t coarse);
  /// Where rows are sorted: an order of splitters from these rows alone, and so many partitions that each fits its place.
  Status SampleAnew(const std::vector<StoredChunk>& chunks, ShuffleOptions* options);

  const std::shared_ptr<ScatterPhase> first_;
  std::shared_ptr<ShuffleStore> store_;
  std::unique_ptr<ChunkCursor> chunks_;
  Ready ready_;
  std::atomic<int> lanes_running_{0};
  StageStatistics statistics_;
};

}  // namespace millstream
