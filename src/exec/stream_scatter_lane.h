#pragma once
/// The write phase of one lane over a stream: takes its batches and scatters their columns into the exchange.

#include <memory>
#include <optional>

#include "exec/scatter_lane.h"
#include "exec/shared_input.h"

namespace millstream {

class StreamScatterLane : public ShuffleLane {
 public:
  struct Shared {
    SharedInput* input;
    std::shared_ptr<const RowProgram> program;
    ShuffleStore* store;
    StageStatistics* shuffle_statistics;
    int64_t piece_rows;
  };

  StreamScatterLane(const Shared& shared, uint32_t lane, const ScatterLane::Pools& pools);

  Result<LaneStep> Step(const Waker& waker) override;
  int64_t NextStepBytes() const override { return pool_->ledger()->floor_bytes(); }

 private:
  /// The next rows of the batch in hand.
  Status MovePiece();

  Shared shared_;
  std::shared_ptr<BudgetPool> pool_;
  ShuffleWriter writer_;
  StreamBatch batch_;
  int64_t next_row_ = 0;  // of the batch
};

}  // namespace millstream
