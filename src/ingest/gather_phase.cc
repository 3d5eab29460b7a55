#include "ingest/gather_phase.h"

#include <algorithm>
#include <numeric>

#include "exchange/partition_columns.h"

namespace millstream {

/// One lane of the read phase: a partition a step.
class GatherTask : public Task {
 public:
  GatherTask(std::shared_ptr<GatherPhase> phase, std::shared_ptr<BudgetPool> pool, Priority priority)
      : count_(phase->core()), phase_(std::move(phase)), pool_(std::move(pool)), priority_(priority) {}

  Step Run(const Waker& waker) override {
    if (phase_->core().cancellation().cancelled()) return Step::kDone;
    if (!claimed_ && priority_ != phase_->priority()) {
      phase_->SubmitTask(pool_);
      return Step::kDone;
    }
    if (!claimed_) {
      const auto claim = phase_->ClaimPartition(&partition_, waker);
      if (claim == GatherPhase::Claim::kEnd) return Step::kDone;
      if (claim == GatherPhase::Claim::kWait) return Step::kBlocked;
      claimed_ = true;
    } else if (waiting_) {
      phase_->EndWait(partition_);
      waiting_ = false;
    }
    if (!RaiseFloor() && phase_->Wait(partition_, waker)) return WaitStep();
    const Status status = MovePartition();
    if (status.ok()) return Step::kAgain;
    if (KindOf(status) == ErrorKind::kBudget && phase_->Wait(partition_, waker)) return WaitStep();
    phase_->core().Fail(status);
    return Step::kDone;
  }

 private:
  bool RaiseFloor() {
    return written_ || pool_->ledger()->TrySetFloor(std::max(phase_->plan().gather_floor, phase_->BytesToGather(partition_)));
  }

  Status MovePartition() {
    if (!written_) ARROW_RETURN_NOT_OK(phase_->Gather(partition_, pool_));
    written_ = true;
    ARROW_RETURN_NOT_OK(phase_->FinishSlabs());
    pool_->ledger()->TrySetFloor(phase_->plan().gather_floor);
    phase_->PartitionDone(partition_);
    claimed_ = written_ = false;
    return Status::OK();
  }

  Step WaitStep() {
    waiting_ = true;
    return Step::kBlocked;
  }

  TaskCount count_;
  std::shared_ptr<GatherPhase> phase_;
  std::shared_ptr<BudgetPool> pool_;
  const Priority priority_;
  uint32_t partition_ = 0;
  bool claimed_ = false;
  bool written_ = false;  // into its slabs; these may not be finished
  bool waiting_ = false;
};

GatherPhase::GatherPhase(std::shared_ptr<ScatterPhase> scatter, const Options& options) : scatter_(std::move(scatter)), options_(options) {}
GatherPhase::~GatherPhase() = default;

Result<std::shared_ptr<GatherPhase>> GatherPhase::Make(std::shared_ptr<ScatterPhase> scatter, const Options& options) {
  std::shared_ptr<GatherPhase> phase(new GatherPhase(std::move(scatter), options));
  const auto& engine = phase->scatter_->inputs().engine;
  const ShufflePlan& plan = phase->plan();
  if (plan.two_passes()) phase->second_pass_ = std::make_shared<SecondPass>(phase->scatter_);
  ARROW_ASSIGN_OR_RAISE(phase->slab_ledger_, Budget::Open(engine->budget(), "batches", plan.slab_floor));
  for (int lane = 0; lane < plan.lanes; ++lane) {
    ARROW_ASSIGN_OR_RAISE(auto pool, engine->OpenPool("gather lane " + std::to_string(lane), plan.gather_floor));
    phase->pools_.push_back(std::move(pool));
  }
  return phase;
}

void GatherPhase::Start() {
  keep_rows_ = scatter_->keeps_rows() && scatter_->HoldsAllRows();
  coarse_rows_ = scatter_->store().PartitionCounts();
  const int64_t rows = std::accumulate(coarse_rows_.begin(), coarse_rows_.end(), int64_t{0});
  {
    std::lock_guard lock(mutex_);
    total_rows_ = std::max<int64_t>(rows - options_.skip_rows, 0);
    slab_count_ = (total_rows_ + plan().slab_rows - 1) / plan().slab_rows;
    served_rows_ = -options_.skip_rows;
    last_store_ = second_pass_ == nullptr;
    started_ = true;
  }
  scatter_->shuffle_statistics().rows_expected = rows;
  output_.rows_expected = total_rows_;
  if (second_pass_ != nullptr) ServeNextCoarse();
  else Serve(std::shared_ptr<ShuffleStore>(scatter_, &scatter_->store()));
  for (const auto& pool : pools_) SubmitTask(pool);
}

void GatherPhase::SubmitTask(const std::shared_ptr<BudgetPool>& pool) {
  const Priority now = priority();
  const Status status = scatter_->inputs().engine->scheduler()->Submit(std::make_unique<GatherTask>(shared_from_this(), pool, now), now);
  if (!status.ok()) core().Fail(status);
}

void GatherPhase::Serve(std::shared_ptr<ShuffleStore> store) {
  const auto counts = store->PartitionCounts();
  {
    std::lock_guard lock(mutex_);
    store_ = std::move(store);
    next_partition_ = 0;
    first_row_.clear();
    for (const int64_t count : counts) {
      first_row_.push_back(std::max<int64_t>(served_rows_, 0));
      served_rows_ += count;
    }
    first_row_.push_back(std::max<int64_t>(served_rows_, 0));
  }
  core().WakeAll();
}

void GatherPhase::ServeNextCoarse() {
  uint32_t coarse;
  {
    std::lock_guard lock(mutex_);
    store_ = nullptr;
    while (next_coarse_ < coarse_rows_.size() && coarse_rows_[next_coarse_] == 0) ++next_coarse_;
    coarse = next_coarse_++;
    last_store_ = std::all_of(coarse_rows_.begin() + std::min<size_t>(next_coarse_, coarse_rows_.size()), coarse_rows_.end(),
                              [](int64_t rows) { return rows == 0; });
  }
  if (coarse == coarse_rows_.size()) return core().WakeAll();
  second_pass_->Move(coarse, [weak = weak_from_this()](std::shared_ptr<ShuffleStore> store) {
    if (const auto phase = weak.lock()) phase->Serve(std::move(store));
  });
}

bool GatherPhase::Ready(const Waker& waker) {
  std::lock_guard lock(mutex_);
  const bool ready = started_ && (next_slab_ == slab_count_ || ready_.count(next_slab_) > 0);
  if (!ready) core().BlockConsumer(waker);
  return ready;
}

std::optional<int64_t> GatherPhase::total_rows() {
  std::lock_guard lock(mutex_);
  return started_ ? std::optional(total_rows_) : std::nullopt;
}

std::optional<GatherPhase::ReadySlab> GatherPhase::Take() {
  std::optional<ReadySlab> taken;
  {
    std::lock_guard lock(mutex_);
    const auto found = ready_.find(next_slab_);
    if (found == ready_.end()) return std::nullopt;
    taken = std::move(found->second);
    ready_.erase(found);
    ++next_slab_;
    delivering_ = true;
  }
  core().WakeAll();
  return taken;
}

void GatherPhase::HandOver(Slab& slab) {
  slab.HandOver();
  {
    std::lock_guard lock(mutex_);
    delivering_ = false;
  }
  core().WakeAll();
}

GatherPhase::Claim GatherPhase::ClaimPartition(uint32_t* partition, const Waker& waker) {
  std::lock_guard lock(mutex_);
  const bool used_up = store_ != nullptr && next_partition_ == store_->partitions();
  if (total_rows_ == 0 || (used_up && last_store_)) return Claim::kEnd;
  if (store_ == nullptr || used_up || first_row_[next_partition_] / plan().slab_rows > next_slab_ + plan().slabs_ahead) {
    core().Block(waker);
    return Claim::kWait;
  }
  *partition = next_partition_++;
  claimed_.insert(*partition);
  ++running_;
  return Claim::kPartition;
}

bool GatherPhase::Wait(uint32_t partition, const Waker& waker) {
  std::lock_guard lock(mutex_);
  const bool oldest = std::all_of(refused_.begin(), refused_.end(), [&](uint32_t other) { return other > partition; });
  const bool consumer_gives = delivering_ || ready_.count(next_slab_) > 0;
  if (oldest && running_ == 1 && !consumer_gives) return false;
  --running_;
  refused_.push_back(partition);
  if (!oldest) core().WakeAll();  // an older one may find room now
  // With the lock held: an older one that is done before this waker is kept would not wake it.
  core().Block(waker);
  return true;
}

void GatherPhase::EndWait(uint32_t partition) {
  std::lock_guard lock(mutex_);
  std::erase(refused_, partition);
  ++running_;
}

void GatherPhase::PartitionDone(uint32_t partition) {
  uint32_t all_done_below;
  bool next_coarse;
  std::shared_ptr<ShuffleStore> store;
  {
    std::lock_guard lock(mutex_);
    store = store_;
    --running_;
    claimed_.erase(partition);
    all_done_below = claimed_.empty() ? next_partition_ : *claimed_.begin();
    next_coarse = !last_store_ && claimed_.empty() && next_partition_ == store->partitions();
  }
  if (!keep_rows_) {
    store->Discard(partition);
    store->DropResidentBelow(all_done_below);
  }
  store.reset();
  if (next_coarse) ServeNextCoarse();
  core().WakeAll();
}

int64_t GatherPhase::BytesToGather(uint32_t partition) {
  return GatherBytes(plan(), store_->RowsOf(partition)) + store_->SpilledBytes(partition) * 5 / 4;
}

Result<std::vector<GatherPhase::SlabRange>> GatherPhase::RangesOf(uint32_t partition, int64_t count) {
  std::vector<SlabRange> ranges;
  std::lock_guard lock(mutex_);
  int64_t row = first_row_[partition];
  const int64_t end = first_row_[partition + 1];
  int64_t order_begin = count - (end - row);  // rows before it were consumed before the resume
  while (row < end) {
    const int64_t index = row / plan().slab_rows;
    const int64_t slab_begin = row - index * plan().slab_rows;
    const int64_t rows = std::min(end - row, rows_of_slab(index) - slab_begin);
    auto slab = open_slabs_[index];
    if (slab == nullptr) {
      slab = std::make_shared<Slab>(index, rows_of_slab(index), options_.batch_rows, scatter_->inputs().program->output, &scatter_->store().flat_widths(),
                                    HandOverPool::Make(slab_ledger_, scatter_->inputs().engine->arena()));
      ARROW_RETURN_NOT_OK(slab->Allocate());
      open_slabs_[index] = slab;
    }
    ranges.push_back({std::move(slab), order_begin, slab_begin, rows});
    row += rows;
    order_begin += rows;
  }
  return ranges;
}

Status GatherPhase::Gather(uint32_t partition, const std::shared_ptr<BudgetPool>& pool) {
  CpuTimer timer(&scatter_->shuffle_statistics().cpu_nanoseconds);
  if (first_row_[partition] == first_row_[partition + 1]) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const PartitionRows rows, store_->Load(partition, pool));
  if (second_pass_ != nullptr) second_pass_->CountReadBack(store_->SpilledBytes(partition));
  ARROW_ASSIGN_OR_RAISE(const auto order, store_->OrderOf(rows, pool));
  ARROW_ASSIGN_OR_RAISE(const auto ranges, RangesOf(partition, rows.count));
  std::vector<PendingArray> pending;
  for (int column = 0; column < static_cast<int>(store_->flat_widths().size()); ++column) {
    ARROW_RETURN_NOT_OK(GatherColumn(rows, order, column, ranges, pool, &pending));
  }
  for (PendingArray& array : pending) array.slab->AddArray(array.column, array.row, std::move(array.values));
  SetPositions(order, ranges);
  MarkWritten(ranges);
  return Status::OK();
}

Status GatherPhase::GatherColumn(const PartitionRows& rows, const PartitionOrder& order, int column, const std::vector<SlabRange>& ranges,
                                 const std::shared_ptr<BudgetPool>& pool, std::vector<PendingArray>* pending) {
  const int flat_width = store_->flat_widths()[column];
  ARROW_ASSIGN_OR_RAISE(auto values, PartitionColumn::Make(rows, column, flat_width, store_->storage_type(column), pool));
  for (const SlabRange& range : ranges) {
    if (flat_width == 0) {
      ARROW_ASSIGN_OR_RAISE(auto array, values.GatherArray(order, range.order_begin, range.count, range.slab->pool()));
      pending->push_back({range.slab.get(), column, range.slab_begin, std::move(array)});
      continue;
    }
    values.GatherFlat(order, range.order_begin, range.count, range.slab->flat_values(column, range.slab_begin));
    if (values.has_nulls()) {
      ARROW_ASSIGN_OR_RAISE(uint8_t* valid, range.slab->flat_valid(column, range.slab_begin));
      values.GatherValid(order, range.order_begin, range.count, valid);
    }
  }
  return Status::OK();
}

void GatherPhase::SetPositions(const PartitionOrder& order, const std::vector<SlabRange>& ranges) {
  const int64_t batch = options_.batch_rows;
  if (!order.has_keys()) return;  // where rows are sorted positions count rows
  for (const SlabRange& range : ranges) {
    const int64_t end = range.slab_begin + range.count;
    for (int64_t row = range.slab_begin; row < end;) {
      const int64_t last = std::min((row / batch + 1) * batch, range.slab->rows()) - 1;  // of this batch
      if (last >= end) break;
      const int64_t at = range.order_begin + last - range.slab_begin;
      uint32_t ties = 1;
      while (at - ties >= 0 && order.KeyOf(at - ties) == order.KeyOf(at)) ++ties;
      range.slab->SetPosition(last, {order.KeyOf(at), ties});
      row = last + 1;
    }
  }
}

void GatherPhase::MarkWritten(const std::vector<SlabRange>& ranges) {
  for (const SlabRange& range : ranges) {
    if (!range.slab->MarkWritten(range.count)) continue;
    std::lock_guard lock(mutex_);
    full_slabs_.push_back(range.slab);
    open_slabs_.erase(range.slab->index());
  }
}

Status GatherPhase::FinishSlabs() {
  for (;;) {
    std::shared_ptr<Slab> slab;
    {
      std::lock_guard lock(mutex_);
      if (full_slabs_.empty()) return Status::OK();
      slab = std::move(full_slabs_.front());
      full_slabs_.pop_front();
    }
    auto batches = slab->Finish();
    {
      std::lock_guard lock(mutex_);
      if (!batches.ok()) {
        full_slabs_.push_front(std::move(slab));
        return batches.status();
      }
      const int64_t index = slab->index();
      ready_[index] = {std::move(slab), std::move(*batches)};
    }
    core().WakeConsumer();
  }
}

void GatherPhase::Release() {
  // Freed when nothing is locked.
  decltype(open_slabs_) open;
  decltype(full_slabs_) full;
  decltype(ready_) ready;
  decltype(store_) store;
  decltype(pools_) pools;
  decltype(slab_ledger_) ledger;
  {
    std::lock_guard lock(mutex_);
    open.swap(open_slabs_);
    full.swap(full_slabs_);
    ready.swap(ready_);
    store.swap(store_);
    pools.swap(pools_);
    ledger.swap(slab_ledger_);
  }
  if (second_pass_ != nullptr) second_pass_->Release();
}

void GatherPhase::ReturnFloors() {
  std::lock_guard lock(mutex_);
  for (const auto& pool : pools_) pool->ledger()->TrySetFloor(0);
  if (slab_ledger_ != nullptr) slab_ledger_->TrySetFloor(0);
}

void GatherPhase::UpdateStatistics() {
  std::lock_guard lock(mutex_);
  if (slab_ledger_ == nullptr) return;
  int64_t peak = 0;
  for (const auto& pool : pools_) peak += pool->ledger()->peak_bytes();
  auto& shuffle = scatter_->shuffle_statistics();
  shuffle.peak_memory_bytes = std::max(shuffle.peak_memory_bytes.load(), peak);
  output_.peak_memory_bytes = slab_ledger_->peak_bytes();
}

}  // namespace millstream
