#include "ingest/second_pass.h"

#include <malloc.h>

#include <algorithm>

#include "column/gather.h"
#include "exchange/sort_order.h"
#include "exec/rescatter_lane.h"

namespace millstream {
namespace {

/// Neighbours in a stream may be neighbours in the order too: few rows of many chunks tell more than many of few.
constexpr size_t kChunksSampled = 128;
constexpr int64_t kRowsSampled = 64 << 10;
constexpr int64_t kPartitionsMax = 4096;

/// Some of the chunk's rows: their sort columns, and who they are.
Status AddSample(const ShuffleStore& store, const PartitionRows& rows, const SortOrder& sort, const std::shared_ptr<BudgetPool>& pool, int64_t rows_wanted,
                 std::vector<ArrayDatas>* parts, std::vector<uint64_t>* identities) {
  ARROW_ASSIGN_OR_RAISE(const auto columns, sort.ColumnsOf(rows, store.flat_widths(), store.storage_types(), pool));
  const int64_t step = std::max<int64_t>(rows.count / rows_wanted, 1);
  std::vector<uint32_t> chosen;
  int64_t row = 0;
  for (const PartitionPiece& piece : rows.pieces) {
    for (int64_t i = 0; i < piece.count; ++i, ++row) {
      if (row % step != step / 2) continue;
      chosen.push_back(static_cast<uint32_t>(row));
      identities->push_back(piece.identities.Packed(i));
    }
  }
  ArrayDatas part;
  for (const auto& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto values, Gather(*column, chosen.data(), static_cast<int64_t>(chosen.size()), pool.get()));
    part.push_back(std::move(values));
  }
  parts->push_back(std::move(part));
  return Status::OK();
}

}  // namespace

/// One lane's share of one coarse partition.
class SecondPassTask : public Task {
 public:
  SecondPassTask(std::shared_ptr<SecondPass> pass, std::unique_ptr<RescatterLane> lane)
      : count_(pass->first_->core()), pass_(std::move(pass)), lane_(std::move(lane)) {}

  Step Run(const Waker& waker) override {
    StreamCore& core = pass_->first_->core();
    if (core.cancellation().cancelled()) return Step::kDone;
    const auto more = lane_->Step(waker);
    if (!more.ok()) {
      core.Fail(more.status());
      return Step::kDone;
    }
    if (*more == LaneStep::kMore) return Step::kAgain;
    lane_.reset();
    pass_->LaneFinished();
    return Step::kDone;
  }

 private:
  TaskCount count_;
  std::shared_ptr<SecondPass> pass_;
  std::unique_ptr<RescatterLane> lane_;
};

void SecondPass::Move(uint32_t coarse, Ready ready) {
  ready_ = std::move(ready);
  const Status status = Submit(coarse);
  if (!status.ok()) first_->core().Fail(status);
}

Status SecondPass::Submit(uint32_t coarse) {
  const ShufflePlan& plan = first_->inputs().plan;
  ShuffleOptions options = first_->store().options();
  options.keys.partitions = plan.partitions;
  options.keys.count = plan.partitions / plan.coarse_partitions;
  options.keys.first = coarse * options.keys.count;
  options.stage += 1;
  options.short_runs = false;
  options.run_rows_max = 0;
  options.always_spill = first_->inputs().engine->options().always_spill;
  auto chunks = first_->store().ChunksOf(coarse);
  if (options.sort != nullptr) ARROW_RETURN_NOT_OK(SampleAnew(chunks, &options));
  store_ = std::make_shared<ShuffleStore>(std::move(options));
  chunks_ = std::make_unique<ChunkCursor>(&first_->store(), std::move(chunks));
  const RescatterLane::Shared shared{chunks_.get(), store_.get(), /*discard=*/true, &statistics_, nullptr};
  ARROW_ASSIGN_OR_RAISE(const int lanes, RescatterLane::SetFloors(*chunks_, first_->pools(), plan.scatter_floor));
  lanes_running_ = lanes;
  for (uint32_t lane = 0; lane < static_cast<uint32_t>(lanes); ++lane) {
    auto task = std::make_unique<SecondPassTask>(shared_from_this(), std::make_unique<RescatterLane>(shared, lane, first_->pools()[lane]));
    ARROW_RETURN_NOT_OK(first_->inputs().engine->scheduler()->Submit(std::move(task), Priority::kNormal));
  }
  return Status::OK();
}

Status SecondPass::SampleAnew(const std::vector<StoredChunk>& chunks, ShuffleOptions* options) {
  const ShuffleStore& store = first_->store();
  const ShufflePlan& plan = first_->inputs().plan;
  const auto& pool = first_->pools().front().scan;
  std::vector<ArrayDatas> parts;
  std::vector<uint64_t> identities;
  int64_t rows = 0;
  const size_t step = (chunks.size() + kChunksSampled - 1) / kChunksSampled;
  const int64_t rows_of_chunk = kRowsSampled / static_cast<int64_t>(std::clamp<size_t>(chunks.size(), 1, kChunksSampled));
  for (size_t chunk = 0; chunk < chunks.size(); ++chunk) {
    rows += store.RowsOfChunk(chunks[chunk]);
    if (chunk % step != step / 2 && chunks.size() > 1) continue;
    pool->ledger()->TrySetFloor(std::max(pool->ledger()->floor_bytes(), store.ChunkBytes(chunks[chunk]) * 2));
    ARROW_ASSIGN_OR_RAISE(const auto loaded, store.LoadChunk(chunks[chunk], pool));
    ARROW_RETURN_NOT_OK(AddSample(store, loaded, *options->sort, pool, rows_of_chunk, &parts, &identities));
  }
  const int64_t planned_rows = std::max<int64_t>(plan.rows / plan.partitions, 1);
  options->keys.count = static_cast<uint32_t>(std::clamp<int64_t>(rows / planned_rows + 1, 1, kPartitionsMax));
  options->keys.partitions = options->keys.count;
  options->keys.first = 0;
  if (parts.empty()) return Status::OK();
  ArrayDatas columns;
  for (size_t column = 0; column < parts.front().size(); ++column) {
    ArrayDatas pieces;
    for (const ArrayDatas& part : parts) pieces.push_back(part[column]);
    ARROW_ASSIGN_OR_RAISE(auto joined, Concatenate(pieces, parts.front()[column]->type, pool.get()));
    columns.push_back(std::move(joined));
  }
  return SortOrder::Make(options->sort->by(), columns, identities, options->keys.count, pool).Value(&options->sort);
}

void SecondPass::Release() {
  chunks_.reset();
  store_.reset();
  ready_ = nullptr;
}

void SecondPass::LaneFinished() {
  if (--lanes_running_ > 0) return;
  // Small arrays leave holes in the heap that nobody may fill again: as much as is held, where columns vary in width.
  malloc_trim(0);
  chunks_.reset();
  statistics_.spilled_bytes += store_->bytes_written();
  const Ready ready = std::move(ready_);  // it may begin the next partition
  ready(std::move(store_));
}

}  // namespace millstream
