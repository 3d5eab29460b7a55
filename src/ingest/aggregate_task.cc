#include "ingest/aggregate_task.h"

#include <algorithm>

#include "ingest/group_shares.h"
#include "ops/apply_program.h"
#include "ops/scan_rows.h"

namespace millstream {
namespace {

constexpr int64_t kWindowRowsMax = 64 << 10;
constexpr int64_t kWindowRowsMin = 1 << 10;
/// Of a row, with what its columns are computed from.
constexpr int64_t kWindowBytesGuess = 64;
constexpr int64_t kRowsAtOnceMin = 256;
/// What a table may grow by at a time, of what is for the groups, where a row's states take so much.
constexpr int64_t kGrowthShare = 16;
constexpr int64_t kStatesBytesGuess = 64;
// Tables that have more than nine groups for ten rows reduce little; rows beyond are moved on in tables that fit the processor's cache, four times as many as were
// looked at, and then a table twice as large tells again.
constexpr int64_t kRowsReduced = 10, kToGroups = 9;
constexpr int64_t kGroupsToTell = 1 << 18;
constexpr int64_t kRowsMovedOn = 4;

}  // namespace

/// Reads what it can get and aggregates it.
class AggregateTask : public Task {
 public:
  AggregateTask(std::shared_ptr<AggregatePhase> phase, size_t lane) : count_(phase->core()), phase_(std::move(phase)), lane_(lane) {
    window_rows_ = phase_->lanes_[lane].scan->ledger()->floor_bytes() / kWindowBytesGuess;
    window_rows_ = std::clamp(window_rows_, kWindowRowsMin, kWindowRowsMax);
    rows_at_once_ = std::clamp(phase_->groups_floor_max_ / kGrowthShare / kStatesBytesGuess, kRowsAtOnceMin, kWindowRowsMax);
    for (const AggregateSpec& spec : phase_->inputs_.specs) numbers_rows_ |= spec.kind == AggregateKind::kAsList;
  }

  Step Run(const Waker& waker) override {
    AggregatePhase& phase = *phase_;
    if (!std::exchange(begun_, true)) phase.core_.WakeOnStop(waker);
    if (phase.core_.cancellation().cancelled()) return Step::kDone;
    CpuTimer timer(&phase.statistics_.cpu_nanoseconds);
    bool blocked = false;
    bool ended = false;
    Status status = Take(waker, &blocked, &ended);
    if (blocked) return Step::kBlocked;
    if (status.ok() && !ended) status = Consume();
    if (RefusedMemory(status)) status = GiveBack(status);
    else if (status.ok() && IsFull()) status = Part();
    if (!status.ok()) {
      phase.core_.Fail(status);
      return Step::kDone;
    }
    if (!ended) return Step::kAgain;
    phase.LaneFinished();
    return Step::kDone;
  }

 private:
  AggregatePhase::Lane& lane() { return phase_->lanes_[lane_]; }

  /// Makes batch_ the next rows.
  Status Take(const Waker& waker, bool* blocked, bool* ended) {
    if (batch_ != nullptr) return Status::OK();
    return phase_->inputs_.stream != nullptr ? TakeFromStream(waker, blocked, ended) : TakeWindow(ended);
  }

  Status TakeFromStream(const Waker& waker, bool* blocked, bool* ended) {
    ARROW_ASSIGN_OR_RAISE(auto batch, phase_->inputs_.stream->TryTake(waker));
    *blocked = !batch.has_value();
    if (*blocked) return Status::OK();
    *ended = batch->data == nullptr;
    if (*ended) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(batch_, ApplyProgram(*phase_->inputs_.program, *batch->data, arrow::default_memory_pool()));
    Number(batch->source, batch->first_row, nullptr);
    return Status::OK();
  }

  Status TakeWindow(bool* ended) {
    if (task_ == nullptr) {
      task_ = phase_->cursor_->Take();
      *ended = task_ == nullptr;
      if (*ended) return Status::OK();
      next_row_ = 0;
    }
    const Status status = ReadWindow();
    if (!status.ok()) rows_.reset();
    return status;
  }

  Status ReadWindow() {
    const auto& inputs = phase_->inputs_;
    arrow::MemoryPool* pool = lane().scan->for_libraries();
    if (rows_ == nullptr) {
      const TaskRows::Options options{window_rows_, ColumnAccess::kSideBySide, next_row_};
      ARROW_RETURN_NOT_OK(TaskRows::Open(*inputs.source, *task_, inputs.program, options, pool).Value(&rows_));
    }
    ARROW_ASSIGN_OR_RAISE(auto window, rows_->Next(pool));
    if (window.batch == nullptr) {
      rows_.reset();
      task_ = nullptr;
      return Status::OK();
    }
    batch_ = std::move(window.batch);
    Number(task_->source, task_->first_row + next_row_, window.selected.get());
    next_row_ += window.input_rows;
    phase_->scan_.rows += window.input_rows;
    return Status::OK();
  }

  void Number(uint32_t source, int64_t first_row, const arrow::Buffer* selected) {
    if (!numbers_rows_) return;
    numbers_.clear();
    for (int64_t row = 0; static_cast<int64_t>(numbers_.size()) < batch_->num_rows(); ++row) {
      if (selected == nullptr || selected->data()[row] != 0) numbers_.push_back(PackIdentity(source, first_row + row));
    }
  }

  /// Some rows of the batch.
  Status Consume() {
    if (batch_ == nullptr) return Status::OK();
    const auto rows = batch_->Slice(rows_consumed_, rows_at_once_);
    ARROW_RETURN_NOT_OK(lane().table->Consume(*rows, numbers_rows_ ? numbers_.data() + rows_consumed_ : nullptr));
    rows_consumed_ += rows->num_rows();
    rows_in_table_ += rows->num_rows();
    if (rows_to_move_on_ > 0) rows_to_move_on_ -= rows->num_rows();
    if (rows_consumed_ < batch_->num_rows()) return Status::OK();
    phase_->statistics_.rows += std::exchange(rows_consumed_, 0);
    batch_.reset();
    return Status::OK();
  }

  /// Whether the table's groups are to be moved on.
  bool IsFull() {
    const int64_t groups = lane().table->groups();
    if (phase_->inputs_.keys.empty() || groups == 0) return false;
    if (rows_to_move_on_ > 0) return groups >= GroupShares::kGroupsMovedOn || !phase_->MayGrow(lane());
    if (phase_->MayGrow(lane()) && groups < groups_to_tell_) return false;
    if (groups * kRowsReduced >= rows_in_table_ * kToGroups) {
      rows_to_move_on_ = kRowsMovedOn * rows_in_table_;
      groups_to_tell_ = 2 * std::max(groups_to_tell_, groups);
      return true;
    }
    if (groups >= groups_to_tell_) groups_to_tell_ = 2 * groups;
    return !phase_->MayGrow(lane());
  }

  Status Part() {
    rows_in_table_ = 0;
    return phase_->Part(lane());
  }

  /// After a refusal: the step is done again afterwards.
  Status GiveBack(const Status& refusal) {
    const bool has_keys = !phase_->inputs_.keys.empty();
    if (has_keys && lane().table->groups() > 0) return Part();
    if (batch_ == nullptr) {
      if (phase_->inputs_.stream != nullptr || window_rows_ == kWindowRowsMin) return refusal;
      window_rows_ = std::max(window_rows_ / 2, kWindowRowsMin);
      return Status::OK();
    }
    if (rows_at_once_ <= kRowsAtOnceMin) return has_keys ? refusal : OneGroupIsTooLarge("", lane().table->bytes(), *phase_->inputs_.engine);
    rows_at_once_ = std::min(rows_at_once_, batch_->num_rows()) / 2;
    return Status::OK();
  }

  TaskCount count_;
  std::shared_ptr<AggregatePhase> phase_;
  const size_t lane_;
  const ScanTask* task_ = nullptr;
  std::unique_ptr<TaskRows> rows_;
  int64_t next_row_ = 0;  // of the task
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t rows_consumed_ = 0;  // of batch_
  int64_t window_rows_;
  int64_t rows_at_once_;
  int64_t rows_in_table_ = 0;
  int64_t rows_to_move_on_ = 0;             // in small tables
  int64_t groups_to_tell_ = kGroupsToTell;  // whether the table reduces them
  bool numbers_rows_ = false;
  std::vector<uint64_t> numbers_;  // of batch_
  bool begun_ = false;
};

std::unique_ptr<Task> MakeAggregateTask(std::shared_ptr<AggregatePhase> phase, size_t lane) { return std::make_unique<AggregateTask>(std::move(phase), lane); }

}  // namespace millstream
