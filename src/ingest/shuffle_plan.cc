#include "ingest/shuffle_plan.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "exchange/column_form.h"
#include "exchange/shuffle_store.h"
#include "exec/rescatter_lane.h"
#include "ingest/least_that_fits.h"

namespace millstream {
namespace {

/// A partition of this many rows has each of its columns in the second-level cache while it is gathered.
constexpr int64_t kPartitionRowsInCache = 32 << 10;
constexpr int64_t kPieceRowsMin = 256;
constexpr int64_t kPieceRowsMax = 256 << 10;
/// Of the limit for each lane, about. Columns of varying width are cut by partitions, so that arrays of small pieces are mostly what an array costs.
constexpr int64_t kPieces = 64;
constexpr int64_t kStreamPieces = 16;
constexpr int64_t kPartitionRowsMin = 64;
/// Rows of a stream are in memory, and reading few of them costs nothing: where they are large, pieces and partitions have fewer than that.
constexpr int64_t kStreamLeastBytes = 256 << 10;
constexpr int64_t kSlabBytesWanted = 16 << 20;
constexpr int64_t kSlabRowsShared = 64 << 10;
/// Beyond what is asked for, where they take little of the limit: a consumer as fast as the lanes waits whenever these turn to something else for a moment.
constexpr int64_t kSlabsAheadMost = 2;
constexpr int64_t kSlabsAheadShare = 128;
constexpr int64_t kVaryingWidthGuess = 32;
/// Values of varying width while a builder moves them to a buffer twice as large, and what is made of them.
constexpr int64_t kDecodedCopies = 4;
/// Keys and positions, the words they are sorted in, starts of at most two buckets, and one flat column with its validity.
constexpr int64_t kOrderRowBytes = 12 + 8 + 8 + 9;
/// Where rows are sorted: prefixes with positions, positions, identities of equal rows, one flat column; and of each sort column its values, words and validity.
constexpr int64_t kSortedRowBytes = 16 + 4 + 8 + 9;
constexpr int64_t kSortWordBytes = 8 + 8 + 2;
/// Page rounding of the dozen allocations of a step; where a stream's rows are moved, small ones are rounded by little.
constexpr int64_t kRoundingBytes = 256 << 10;
constexpr int64_t kStreamRoundingBytesMin = 64 << 10;
constexpr int64_t kSlabRoundingBytes = 64 << 10;

int64_t WithRounding(int64_t bytes, const ShufflePlan& plan) { return bytes + std::min(bytes + plan.rounding_bytes_min, kRoundingBytes); }

constexpr int64_t kPartitionsMax = 64 << 10;  // of one store
/// Two passes are taken where the frames of a lane would be smaller in one: many small reads cost more than writing all rows once more.
constexpr int64_t kFrameBytesMin = 48 << 10;

/// Everything that depends on the limit, for one choice of lanes and slabs ahead.
class Sizer {
 public:
  Sizer(const ScanSource& source, const RowProgram& program, const ShuffleSizes& sizes) : scan_(source.sizes()), sizes_(sizes) {
    base_.exact = true;
    base_.rounding_bytes_min = kRoundingBytes;
    for (int width : FlatWidths(*program.output)) {
      base_.row_bytes += width > 0 ? width : std::max(kVaryingWidthGuess, scan_.column_row_bytes_max);
      base_.exact &= width > 0;
    }
    compacts_ = !base_.exact;
    base_.row_bytes = std::max<int64_t>(base_.row_bytes, 1);
    for (const ScanTask& task : source.tasks()) {
      base_.rows += task.rows;
      task_rows_ = std::max(task_rows_, task.rows);
    }
    base_.order_row_bytes = OrderRowBytes(FlatWidths(*program.output), scan_.column_row_bytes_max);
    AddSteps(program);
  }

  Sizer(const StreamSizes& stream, const RowProgram& program, const ShuffleSizes& sizes) : sizes_(sizes) {
    const std::vector<int> widths = FlatWidths(*program.output);
    for (size_t column = 0; column < widths.size(); ++column) {
      const int64_t bytes = widths[column] > 0 ? widths[column] : std::max(kVaryingWidthGuess, stream.row_bytes[column]);
      base_.row_bytes += bytes;
      scan_.column_row_bytes_max = std::max(scan_.column_row_bytes_max, bytes);
      compacts_ |= widths[column] <= 0;
    }
    int64_t sorted_bytes = 0;
    for (const int column : sizes_.sort_columns) sorted_bytes = std::max(sorted_bytes, stream.row_bytes[column]);
    base_.order_row_bytes = OrderRowBytes(widths, sorted_bytes);
    AddSteps(program);
    // Rows are a guess, so no spill may be left out for them.
    base_.exact = false;
    base_.row_bytes = std::max<int64_t>(base_.row_bytes, 1);
    base_.rows = std::max<int64_t>(stream.rows, 1);
    rows_guessed_ = true;
    base_.rounding_bytes_min = kStreamRoundingBytesMin;
    task_rows_ = std::max<int64_t>(stream.batch_rows, 1);
  }

  const ShufflePlan& rows() const { return base_; }

  /// The plan that runs on most lanes and furthest ahead among those that fit.
  std::optional<ShufflePlan> Fit(int64_t limit) const {
    if (const auto plan = FitPieces(limit, rows_guessed_ ? kStreamPieces : kPieces)) return plan;
    // Exchanges that have a small part of the limit would rather move fewer rows at a time than not run.
    return rows_guessed_ ? FitPieces(limit, 4 * kStreamPieces) : std::nullopt;
  }

 private:
  std::optional<ShufflePlan> FitPieces(int64_t limit, int64_t pieces) const {
    for (const bool side_by_side : {false, true}) {
      if (side_by_side && columns_at_once_ == 1) break;
      for (int lanes = sizes_.lanes; lanes > 0; --lanes) {
        for (const bool ahead : {true, false}) {
          const ShufflePlan plan = Make(limit, lanes, pieces, ahead, side_by_side);
          if (plan.floor_bytes() <= limit) return plan;
        }
      }
    }
    return std::nullopt;
  }

  ShufflePlan Make(int64_t limit, int lanes, int64_t pieces, bool ahead, bool side_by_side) const {
    ShufflePlan plan = base_;
    plan.lanes = lanes;
    plan.side_by_side = side_by_side;
    const int64_t column_row_bytes = base_.exact ? 9 : std::max<int64_t>(16, kDecodedCopies * scan_.column_row_bytes_max);
    const int64_t sort_row_bytes = sizes_.sorts ? base_.order_row_bytes : 0;
    const int64_t step_row_bytes = std::max(column_row_bytes * columns_at_once_, sort_row_bytes / 4);
    const int64_t piece_rows_min = RowsMin(kPieceRowsMin, step_row_bytes);
    plan.piece_rows = std::clamp<int64_t>(limit / (lanes * pieces * step_row_bytes), piece_rows_min, std::clamp<int64_t>(task_rows_, kPieceRowsMin, kPieceRowsMax));
    const int64_t column_bytes = plan.piece_rows * column_row_bytes;
    plan.scan_floor = WithRounding((side_by_side ? side_by_side_bytes_ : decode_bytes_) + columns_at_once_ * column_bytes, plan);
    plan.scatter_floor = WithRounding(StepRows(plan) * 2 * 4 + std::max(2 * column_bytes, plan.piece_rows * sort_row_bytes), plan);
    SizeSlabs(limit, ahead, &plan);
    SizePartitions(limit, &plan);
    plan.may_spill = MaySpill(plan, limit);
    // Scans keep what flat columns do not need: the largest partition of a sort of theirs may be larger than is planned for.
    plan.spill_floor = plan.may_spill ? ShuffleWriter::FixedBytes(StagingBytes(limit), compacts_ || !rows_guessed_) : 0;
    ChoosePasses(limit, column_bytes, &plan);
    if (plan.may_spill && compacts_) plan.spill_floor += FrameBytes(plan, limit) * 5 / 4;
    return plan;
  }

  /// What a lane reads at one time: the filter's columns; those that rows are sorted by, which are all kept until a piece is in order; those that one column of
  /// the output is made of, and what its functions give on the way.
  void AddSteps(const RowProgram& program) {
    decode_bytes_ = scan_.decode_bytes_max;
    if (program.filter != nullptr) AddStep(program.filter_inputs, program.filter->calls());
    const auto computed = [](const OutputColumn& column) { return column.passthrough < 0 ? std::max<int64_t>(column.expression->calls(), 1) : 0; };
    std::vector<int> sorted;
    int64_t sorted_computed = 0;
    for (const int sort_column : sizes_.sort_columns) {
      const OutputColumn& column = program.columns[sort_column];
      sorted.insert(sorted.end(), column.inputs.begin(), column.inputs.end());
      sorted_computed += computed(column);
    }
    AddStep(sorted, sorted_computed);
    for (const OutputColumn& column : program.columns) AddStep(column.inputs, computed(column));
  }

  void AddStep(const std::vector<int>& inputs, int64_t computed) {
    int64_t decode_bytes = 0, side_by_side_bytes = 0;
    for (const int input : inputs) {
      if (scan_.columns.empty()) break;
      const ColumnSizes& column = scan_.columns[input];
      decode_bytes += column.decode_bytes;
      side_by_side_bytes += column.side_by_side_bytes + column.page_bytes;
    }
    decode_bytes_ = std::max(decode_bytes_, decode_bytes);
    side_by_side_bytes_ = std::max(side_by_side_bytes_, side_by_side_bytes);
    columns_at_once_ = std::max(columns_at_once_, static_cast<int64_t>(inputs.size()) + computed);
  }

  int64_t OrderRowBytes(const std::vector<int>& widths, int64_t varying_row_bytes) const {
    if (!sizes_.sorts) return kOrderRowBytes;
    int64_t bytes = kSortedRowBytes;
    for (const int column : sizes_.sort_columns) bytes += widths[column] > 0 ? kSortWordBytes : 3 * std::max(kVaryingWidthGuess, varying_row_bytes) + kSortWordBytes;
    return bytes;
  }

  bool MaySpill(const ShufflePlan& plan, int64_t limit) const {
    if (rows_guessed_ || sizes_.always_spill || sizes_.always_two_passes || plan.bytes() > limit / 4) return true;
    const int64_t most = plan.bytes() * (plan.exact ? 1 : 2) + plan.rows * 8;
    return plan.floor_bytes() + most > limit;
  }

  /// What a lane holds at most.
  int64_t LaneBytes(const ShufflePlan& plan, int64_t limit) const {
    return std::max({plan.resident_bytes(limit), sizes_.first_pass_bytes, int64_t{1}}) / plan.lanes;
  }

  /// What a lane evicts of a partition at a time; columns of varying width are joined for it.
  int64_t FrameBytes(const ShufflePlan& plan, int64_t limit) const {
    const int64_t lane_bytes = std::min(LaneBytes(plan, limit), 2 * plan.bytes());
    return lane_bytes / plan.first_pass_partitions();
  }

  void SizeSlabs(int64_t limit, bool ahead, ShufflePlan* plan) const {
    const int64_t bytes_wanted = std::min(kSlabBytesWanted, limit / 32);
    const int64_t shared_most = std::max<int64_t>(1, kSlabRowsShared / sizes_.batch_rows);
    const int64_t batches = std::clamp<int64_t>(bytes_wanted / std::max<int64_t>(sizes_.batch_rows * plan->row_bytes, 1), 1, shared_most);
    plan->slab_rows = std::min(sizes_.batch_rows * batches, std::max<int64_t>(DivideUp(plan->rows, sizes_.batch_rows), 1) * sizes_.batch_rows);
    const int64_t affordable = std::min(kSlabsAheadMost, limit / kSlabsAheadShare / std::max<int64_t>(plan->slab_rows * plan->row_bytes, 1));
    plan->slabs_ahead = ahead ? std::max({int64_t{1}, affordable, DivideUp(sizes_.prefetch_batches, batches)}) : 0;
  }

  /// What a lane puts into order before it looks whether there is memory: a whole task, whose columns come one at a time, or a piece of a stream's batch.
  int64_t StepRows(const ShufflePlan& plan) const { return rows_guessed_ ? plan.piece_rows : task_rows_; }

  int64_t RowsMin(int64_t rows, int64_t row_bytes) const { return rows_guessed_ ? std::clamp<int64_t>(kStreamLeastBytes / row_bytes, 1, rows) : rows; }

  void SizePartitions(int64_t limit, ShufflePlan* plan) const {
    const int64_t wanted = std::max<int64_t>(limit / (8 * plan->lanes), 2 * kRoundingBytes);
    const int64_t row_bytes = plan->row_bytes * 5 / 4 + plan->order_row_bytes;
    const int64_t partition_rows = std::clamp<int64_t>((wanted - kRoundingBytes) / row_bytes, RowsMin(kPartitionRowsMin, row_bytes), kPartitionRowsInCache);
    const int64_t partitions = std::max<int64_t>(DivideUp(plan->rows, partition_rows), 1);
    const int64_t most = plan->bytes() > limit / 2 ? kPartitionsMax * kPartitionsMax / 2 : kPartitionsMax;
    plan->partitions = static_cast<uint32_t>(std::min(partitions, most));
    plan->splitter_bytes = sizes_.sorts ? plan->partitions * plan->order_row_bytes : 0;
    const int64_t rows = DivideUp(plan->rows, plan->partitions);
    // Partitions of sorted rows are as even as the sample was good. Not for streams: each exchange of a join has a small part of the limit, and would need more of it.
    const int64_t most_rows = sizes_.sorts && !rows_guessed_ ? rows * 5 / 4 : rows;
    plan->gather_floor = GatherBytes(*plan, most_rows) + most_rows * plan->row_bytes * 5 / 4;
    // Being filled: those that a partition reaches into; waiting; the one that is being delivered.
    const int64_t slab_rows = std::min(plan->slab_rows, std::max<int64_t>(plan->rows, 1));
    const int64_t slabs = DivideUp(rows, slab_rows) + 1 + plan->slabs_ahead + 1;
    const int64_t slab_bytes = slab_rows * plan->row_bytes * (compacts_ ? 16 : 9) / 8;
    plan->slab_floor = std::min(slabs, DivideUp(std::max<int64_t>(plan->rows, 1), slab_rows)) * (slab_bytes + std::min(slab_bytes + plan->rounding_bytes_min / 4, kSlabRoundingBytes));
  }

  /// Frames of a lane are what it holds at most, cut into partitions. The coarse ones of two passes are as few as fit the memory of the second.
  void ChoosePasses(int64_t limit, int64_t column_bytes, ShufflePlan* plan) const {
    const int64_t lane_bytes = LaneBytes(*plan, limit);
    const bool fits = plan->bytes() <= plan->resident_bytes(limit);
    const bool large_frames = lane_bytes / plan->partitions >= kFrameBytesMin && plan->partitions <= kPartitionsMax;
    if (!sizes_.always_two_passes && (fits || (large_frames && !sizes_.splitters_guessed) || plan->partitions < 4)) return;
    const int64_t most = std::max<int64_t>(2, std::min<int64_t>(lane_bytes / kFrameBytesMin, kPartitionsMax));
    // Small enough for the second pass, and their frames for being joined.
    const int64_t wanted = std::max(DivideUp(plan->bytes(), std::max<int64_t>(plan->resident_bytes(limit) / 2, 1)), DivideUp(8 * plan->lanes * lane_bytes, limit));
    const int64_t coarse = std::clamp<int64_t>(wanted, 2, most);
    const int64_t inner = std::min(DivideUp(plan->partitions, coarse), kPartitionsMax);
    plan->coarse_partitions = static_cast<uint32_t>(coarse);
    plan->partitions = static_cast<uint32_t>(coarse * inner);
    // What a lane reads back at a time: its rows of one task and of one eviction.
    int64_t chunk_bytes = (StepRows(*plan) * plan->row_bytes + lane_bytes) / coarse * 3 / 2;
    if (sizes_.sorts) chunk_bytes = std::min(chunk_bytes, BoundRuns(std::max<int64_t>(plan->resident_bytes(limit), 1) / plan->lanes, plan));
    plan->scan_floor = std::max(plan->scan_floor, chunk_bytes + kRoundingBytes);
    plan->spill_floor += 2 * column_bytes / coarse;
  }

  /// Rows that come in order are of one coarse partition for long: what is written of them together is cut, so that it can be read back. What that takes.
  int64_t BoundRuns(int64_t lane_bytes, ShufflePlan* plan) const {
    constexpr int64_t kLaneShare = 4;
    const int64_t widest = std::max<int64_t>(8, scan_.column_row_bytes_max) + 1;
    const int64_t load_row_bytes = plan->row_bytes * 5 / 4 + 4;
    const int64_t row_bytes = load_row_bytes + RescatterLane::SortedRowBytes(widest, plan->order_row_bytes);
    plan->run_rows = std::max(plan->piece_rows, lane_bytes / kLaneShare / row_bytes);
    const int64_t rows = std::min(plan->run_rows + plan->piece_rows, plan->rows);
    plan->scatter_floor = std::max(plan->scatter_floor, rows * (row_bytes - load_row_bytes) + kRoundingBytes);
    return rows * load_row_bytes;
  }

  ShufflePlan base_;
  ScanSizes scan_;
  int64_t decode_bytes_ = 0;     // of what is read at one time
  int64_t side_by_side_bytes_ = 0;
  int64_t columns_at_once_ = 1;  // that are held of a piece while it is read
  ShuffleSizes sizes_;
  int64_t task_rows_ = 1;
  bool rows_guessed_ = false;  // there may be any number
  bool compacts_ = false;      // columns that are no flat ones, which are joined for a frame
};

Status CheckIdentities(const ScanSource& source) {
  for (const ScanTask& task : source.tasks()) {
    if (!CanPack(task.source, task.first_row + task.rows)) {
      return MakeError(ErrorKind::kInvalidArgument, "a shuffle takes at most 16,777,216 files of 1,099,511,627,776 rows each; shuffle fewer files at a time");
    }
  }
  return Status::OK();
}

int64_t LimitThatWouldDo(const Sizer& sizer, int64_t limit) {
  constexpr int64_t kStep = 1 << 20;
  return LeastThatFits(limit, kStep, [&](int64_t tried) { return sizer.Fit(tried).has_value(); });
}

}  // namespace

int64_t GatherBytes(const ShufflePlan& plan, int64_t rows) { return WithRounding(rows * plan.order_row_bytes, plan); }

namespace {

Result<ShufflePlan> FitPlan(const Sizer& sizer, const ShuffleSizes& sizes) {
  const auto plan = sizer.Fit(sizes.memory_limit_bytes);
  if (plan.has_value()) return *plan;
  const int64_t enough = LimitThatWouldDo(sizer, sizes.memory_limit_bytes) + sizes.memory_kept_bytes;
  return MakeError(ErrorKind::kBudget, "The memory limit of " + FormatBytes(sizes.memory_limit_bytes + sizes.memory_kept_bytes) + " is too small for this " + (sizes.sorts ? "sort" : "shuffle") + " with batches of " +
                                           std::to_string(sizes.batch_rows) + " rows: set memory_limit (or MILLSTREAM_MEMORY_LIMIT) to at least " +
                                           std::to_string(enough) + " bytes (" + FormatBytes(enough) + "), or use a smaller batch_size");
}

}  // namespace

ShuffleSizes SizesWithin(const Engine& engine, int64_t memory_bytes) {
  ShuffleSizes sizes;
  sizes.lanes = engine.scheduler()->lanes();
  sizes.memory_limit_bytes = memory_bytes;
  sizes.always_two_passes = engine.options().always_two_passes;
  sizes.always_spill = engine.options().always_spill;
  sizes.memory_kept_bytes = engine.options().memory_limit_bytes - memory_bytes;
  return sizes;
}

ShufflePlan PlanRows(const ScanSource& source, const RowProgram& program) { return Sizer(source, program, {}).rows(); }

Result<ShufflePlan> PlanShuffle(const ScanSource& source, const RowProgram& program, const ShuffleSizes& sizes) {
  ARROW_RETURN_NOT_OK(CheckIdentities(source));
  return FitPlan(Sizer(source, program, sizes), sizes);
}

Result<ShufflePlan> PlanShuffle(const StreamSizes& stream, const RowProgram& program, const ShuffleSizes& sizes) {
  return FitPlan(Sizer(stream, program, sizes), sizes);
}

}  // namespace millstream
