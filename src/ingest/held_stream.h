#pragma once
/// The first batches of a stream, held to be looked at: what is to be opened over it depends on how large its rows are, or which they are.

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "exec/polled_stream.h"
#include "ops/row_program.h"

namespace millstream {

/// No more is held once one of them is reached.
struct HeldLimits {
  int64_t rows = 0;
  int64_t bytes = 0;
  std::function<bool()> open_now = {};  // whether the rows that are there must do, for more come only then
};

/// Gives the batches that it holds before the others.
class HeldStream : public PolledStream {
 public:
  HeldStream(const Engine& engine, PolledStreamPtr input, const HeldLimits& limits) : PolledStream(engine), input_(std::move(input)), limits_(limits) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_->schema(); }
  std::vector<const StageStatistics*> stages() const override { return input_->stages(); }
  Result<std::optional<StreamBatch>> TryNext(const Waker& waker) override;
  void Close() override;

  /// True once enough is held; else the waker is kept.
  Result<bool> Fill(const Waker& waker);
  const std::deque<StreamBatch>& held() const { return held_; }
  int64_t rows() const { return rows_; }  // held
  bool at_end() const { return at_end_; }
  /// What a row takes in each column of the program's output, on average over some of those that are held; 0 where none passes the filter.
  std::vector<int64_t> RowBytesOf(const RowProgram& program) const;

 private:
  const PolledStreamPtr input_;
  const HeldLimits limits_;
  std::deque<StreamBatch> held_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  bool at_end_ = false;
};

using OpenOverHeld = std::function<Result<PolledStreamPtr>(const std::shared_ptr<HeldStream>& held)>;

/// The stream that `open` gives, once so much is held of the input. It reads the input through LendStream.
PolledStreamPtr OpenOverHeldStream(const Engine& engine, PolledStreamPtr input, std::shared_ptr<arrow::Schema> schema, const HeldLimits& limits,
                                   OpenOverHeld open);

}  // namespace millstream
