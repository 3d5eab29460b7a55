#include "ingest/scan_plan.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/bytes.h"
#include "exchange/column_form.h"
#include "ingest/least_that_fits.h"

namespace millstream {
namespace {

constexpr int64_t kWindowBytesMax = 64 << 20;
/// Smaller windows are for plans that would not run otherwise.
constexpr int64_t kWindowBytesWanted = 1 << 20;
constexpr int64_t kWindowsAheadMax = 64;
/// For sums that do not overflow.
constexpr int64_t kBatchRowsMax = 1 << 30;
constexpr int64_t kVaryingWidthGuess = 32;
/// Page rounding of what a step allocates.
constexpr int64_t kRoundingBytes = 256 << 10;
/// Of a value and its validity.
constexpr int64_t kFlatBytes = 9;
/// An array as the library builds it, in storage form, and with what its buffers grew beyond it.
constexpr int64_t kArrayCopies = 3;

/// What one column of the output, or the filter, takes to read.
struct StepSizes {
  int64_t decode_bytes = 0;
  int64_t side_by_side_bytes = 0;
  int64_t page_bytes = 0;
  int64_t row_bytes = 0;  // held while a window of it is read, the output aside
};

class Sizer {
 public:
  Sizer(const ScanSource& source, const std::vector<ScanTask>& tasks, const RowProgram& program, const ScanPlanSizes& sizes)
      : scan_(source.sizes()), sizes_(sizes), flat_widths_(FlatWidths(*program.output)) {
    int64_t rows = 0;
    for (const ScanTask& task : tasks) {
      rows += task.rows;
      task_rows_ = std::max(task_rows_, task.rows);
    }
    rows_ = std::max<int64_t>(rows, 1);
    batch_rows_ = std::min({sizes.batch_rows, rows_, kBatchRowsMax});
    for (size_t column = 0; column < flat_widths_.size(); ++column) AddColumn(program, column);
    if (program.filter != nullptr) AddStep(program.filter_inputs, 1, program.filter->calls());
    if (program.selector != nullptr) AddStep(program.selector_inputs, 1, 0);
    filtered_ = program.drops_rows();
  }

  int64_t row_bytes() const { return row_bytes_; }

  /// The plan that runs on most lanes and furthest ahead among those that fit. In half of what is free if it can, for others will come, unless the plan has a part for
  /// each of them.
  std::optional<ScanPlan> Fit(int64_t limit) const {
    const int64_t window_rows_min = PowerBelow(std::min({kWindowBytesWanted / row_bytes_, task_rows_, WindowRowsMax()}));
    for (int lanes = sizes_.lanes; lanes > 0; --lanes) {
      for (const int64_t share : {sizes_.shared_out ? limit : limit / 2, limit}) {
        // Column after column what is open stays in the cache, which is worth more than windows ahead.
        for (const bool ahead : {true, false}) {
          if (const auto plan = FitWholeTasks(lanes, ahead, share)) return plan;
        }
        for (const bool ahead : {true, false}) {
          if (const auto plan = FitWindows({.lanes = lanes, .access = ColumnAccess::kSideBySide}, ahead, window_rows_min, share)) return plan;
        }
      }
    }
    for (int lanes = sizes_.lanes; lanes > 0; --lanes) {
      if (const auto plan = FitWindows({.lanes = lanes, .access = ColumnAccess::kReopened}, false, window_rows_min, limit)) return plan;
    }
    return FitWindows({.lanes = 1, .access = ColumnAccess::kReopened}, false, 1, limit);
  }

 private:
  static int64_t PowerBelow(int64_t number) { return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(number, 1)))); }

  int64_t WindowRowsMax() const { return std::min({kWindowBytesMax / row_bytes_, sizes_.window_bytes_max / row_bytes_, sizes_.window_rows_max}); }

  void AddColumn(const RowProgram& program, size_t column) {
    const OutputColumn& output = program.columns[column];
    int64_t width = flat_widths_[column];
    const bool known = output.passthrough >= 0 && !scan_.columns.empty() && scan_.columns[output.passthrough].row_bytes > 0;
    if (width == 0) width = known ? scan_.columns[output.passthrough].row_bytes * 5 / 4 : kVaryingWidthGuess;
    widths_.push_back(width);
    row_bytes_ += width;
    const bool computed = output.passthrough < 0;
    AddStep(computed ? output.inputs : std::vector<int>{output.passthrough}, width, computed ? output.expression->calls() : 0);
  }

  /// `calls`: of functions, each of which makes an array.
  void AddStep(const std::vector<int>& inputs, int64_t result_bytes, int64_t calls) {
    StepSizes step{0, 0, 0, result_bytes * kArrayCopies + 6};  // a byte of validity, one of selection, four of a row number
    step.row_bytes += calls * std::max(result_bytes, kFlatBytes);
    for (const int input : inputs) {
      if (scan_.columns.empty()) continue;
      const ColumnSizes& column = scan_.columns[input];
      step.decode_bytes += column.decode_bytes;
      step.side_by_side_bytes += column.side_by_side_bytes;
      step.page_bytes += column.page_bytes;
      step.row_bytes += column.row_bytes * kArrayCopies;
    }
    steps_.push_back(step);
  }

  std::optional<ScanPlan> FitWholeTasks(int lanes, bool ahead, int64_t limit) const {
    if (task_rows_ > WindowRowsMax()) return std::nullopt;
    ScanPlan plan{.lanes = lanes, .access = ColumnAccess::kOneByOne};
    SizeWindows(task_rows_, ahead, &plan);
    if (plan.floor_bytes() > limit) return std::nullopt;
    return plan;
  }

  std::optional<ScanPlan> FitWindows(ScanPlan plan, bool ahead, int64_t window_rows_min, int64_t limit) const {
    for (int64_t rows = LargestWindow(); rows >= window_rows_min; rows = NextWindow(rows)) {
      SizeWindows(rows, ahead, &plan);
      if (plan.floor_bytes() <= limit) return plan;
    }
    return std::nullopt;
  }

  /// Whole batches if it can be: what spans windows must be copied together.
  int64_t LargestWindow() const {
    const int64_t most = std::max<int64_t>(std::min(task_rows_, WindowRowsMax()), 1);
    return most < batch_rows_ ? PowerBelow(most) : batch_rows_ * PowerBelow(most / batch_rows_);
  }
  int64_t NextWindow(int64_t rows) const { return rows == batch_rows_ && rows > 1 ? PowerBelow(rows - 1) : rows / 2; }

  void SizeWindows(int64_t window_rows, bool ahead, ScanPlan* plan) const {
    const int64_t window_bytes = OutputBytes(window_rows);
    plan->window_rows = window_rows;
    plan->windows_ahead = ahead ? std::clamp<int64_t>(DivideUp(sizes_.prefetch_batches * batch_rows_, window_rows), 1, kWindowsAheadMax) : 0;
    plan->read_floor = ReadBytes(plan->access, window_rows) + (filtered_ ? (plan->windows_ahead + 1) * OneBuffer(window_rows) : 0);
    plan->window_floor = (plan->windows_ahead + 1) * window_bytes;
    // A batch is cut from one window or joined from several, all of which are held until it is.
    const int64_t windows = std::min(DivideUp(batch_rows_, window_rows) + 1, DivideUp(rows_, window_rows));
    plan->batch_floor = windows * window_bytes + (windows > 1 ? OutputBytes(batch_rows_) : 0);
  }

  int64_t ReadBytes(ColumnAccess access, int64_t window_rows) const {
    int64_t open = 0, step_bytes = 0;
    for (const StepSizes& step : steps_) {
      const int64_t bytes = (access == ColumnAccess::kOneByOne ? step.decode_bytes : step.side_by_side_bytes) + (filtered_ ? KeptRowsReader::kHeldBytes : 0);
      open = access == ColumnAccess::kSideBySide ? open + bytes : std::max(open, bytes);
      step_bytes = std::max(step_bytes, window_rows * step.row_bytes + (access == ColumnAccess::kOneByOne ? 0 : step.page_bytes));
    }
    return open + step_bytes + kRoundingBytes;
  }

  static int64_t OneBuffer(int64_t bytes) { return BudgetPool::ChargedBytes(bytes); }

  int64_t OutputBytes(int64_t rows) const {
    int64_t bytes = 0;
    for (size_t column = 0; column < widths_.size(); ++column) {
      bytes += OneBuffer(rows * widths_[column]) + OneBuffer(rows / 8 + 1);
      if (flat_widths_[column] == 0) bytes += 2 * PageArena::kPageBytes;
    }
    return bytes;
  }

  const ScanSizes scan_;
  const ScanPlanSizes sizes_;
  const std::vector<int> flat_widths_;
  std::vector<int64_t> widths_;  // of the output
  std::vector<StepSizes> steps_;
  int64_t row_bytes_ = 1;
  int64_t rows_ = 1;
  int64_t task_rows_ = 1;
  int64_t batch_rows_ = 1;
  bool filtered_ = false;
};

int64_t BytesThatWouldDo(const Sizer& sizer, int64_t bytes) {
  constexpr int64_t kStep = 256 << 10;
  return LeastThatFits(bytes, kStep, [&](int64_t tried) { return sizer.Fit(tried).has_value(); });
}

}  // namespace

Result<ScanPlan> PlanScan(const ScanSource& source, const std::vector<ScanTask>& tasks, const RowProgram& program, const ScanPlanSizes& sizes) {
  const Sizer sizer(source, tasks, program, sizes);
  const auto plan = sizer.Fit(sizes.free_bytes);
  if (plan.has_value()) return *plan;
  const int64_t taken = sizes.limit_bytes - sizes.free_bytes;
  const int64_t enough = BytesThatWouldDo(sizer, sizes.free_bytes) + taken;
  return MakeError(ErrorKind::kBudget, "The memory limit of " + FormatBytes(sizes.limit_bytes) + (taken > 0 ? ", of which " + FormatBytes(taken) + " are taken," : "") +
                                           " is too small for reading batches of " + std::to_string(sizes.batch_rows) +
                                           " rows: set memory_limit (or MILLSTREAM_MEMORY_LIMIT) to at least " + std::to_string(enough) + " bytes (" +
                                           FormatBytes(enough) + "), or use a smaller batch_size");
}

int64_t OutputRowBytes(const ScanSource& source, const RowProgram& program) { return Sizer(source, {}, program, {}).row_bytes(); }

}  // namespace millstream
