#include "ingest/memory_shares.h"

#include <algorithm>
#include <utility>

#include "format/batch_bytes.h"
#include "ingest/block_rows.h"
#include "ingest/fold_plan.h"
#include "ingest/fused_nodes.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

constexpr int64_t kExchangeParts = 3;
constexpr int64_t kExchangePartsOfJoin = 2;

/// Who holds memory.
class StageCounts {
 public:
  explicit StageCounts(const PlanPtr& plan) { Count(plan, /*read_by_exchange=*/false); }

  int64_t scans() const { return scans_; }
  int64_t joins() const { return joins_; }
  int64_t exchanges() const { return exchanges_; }
  int64_t functions() const { return functions_; }

 private:
  void Count(const PlanPtr& plan, bool read_by_exchange) {
    const PlanNode& node = *plan;
    if (IsFoldable(node)) {
      const bool shuffles = ShuffleOf(node) != nullptr;
      if (shuffles) ++exchanges_;
      else if (!read_by_exchange) ++scans_;
      return;
    }
    if (IsFunctionNode(node)) {
      ++functions_;
      return Count(FuseNodes(plan).input, false);
    }
    const bool exchanges = node.kind == Kind::kSort || node.kind == Kind::kAggregate || node.kind == Kind::kShuffle || node.kind == Kind::kRepartition;
    exchanges_ += exchanges || node.kind == Kind::kJoin;
    functions_ += node.kind == Kind::kJoin || node.kind == Kind::kRepartition;
    joins_ += node.kind == Kind::kJoin;
    if (node.kind == Kind::kJoin && OpensOnLane(*node.input)) return CountInTurn(node);
    for (const PlanPtr& input : InputsOf(node)) Count(input, exchanges && node.kind != Kind::kRepartition);
  }

  /// One side of a join is opened when the other has been read.
  void CountInTurn(const PlanNode& join) {
    const int64_t scans = std::exchange(scans_, 0);
    const int64_t functions = std::exchange(functions_, 0);
    Count(join.input, false);
    const int64_t left_scans = std::exchange(scans_, 0);
    const int64_t left_functions = std::exchange(functions_, 0);
    Count(join.others.front(), false);
    scans_ = scans + std::max(left_scans, scans_);
    functions_ = functions + std::max(left_functions, functions_);
  }

  int64_t scans_ = 0;
  int64_t joins_ = 0;
  int64_t exchanges_ = 0;
  int64_t functions_ = 0;
};

}  // namespace

MemoryShares::MemoryShares(const PlanPtr& plan, int64_t limit, int64_t kept) {
  const StageCounts counts(plan);
  const int64_t whole = std::max<int64_t>(limit - kept, 1);
  // A function's stage reserves a sixteenth at most; of the rest an exchange has some times as much as a scan. A join that is too large reads all columns of its
  // sides, and sends few through the exchange at a time.
  const int64_t free = std::max<int64_t>(whole - counts.functions() * limit / 16, whole / 4);
  const int64_t parts = counts.joins() > 0 ? kExchangePartsOfJoin : kExchangeParts;
  const int64_t part = free / std::max<int64_t>(counts.scans() + parts * counts.exchanges(), 1);
  scan_bytes = counts.scans() == 0 ? 0 : part;
  exchange_bytes = counts.exchanges() == 0 ? 0 : (free - counts.scans() * part) / counts.exchanges();
}

int64_t BytesOfBatches(const PlanNode& plan, int64_t batch_rows, int64_t limit) {
  constexpr int64_t kUnknownShare = 16;
  if (plan.schema == nullptr) return limit / kUnknownShare;
  return std::min(2 * batch_rows * RowBytesGuess(*plan.schema) + kBlockBytes, limit / 4);
}

bool OpensOnLane(const PlanNode& node) {
  if (!IsFoldable(node)) return IsFunctionNode(node) && node.kind != Kind::kMap && node.kind != Kind::kReadFiles && OpensOnLane(*node.input);
  // Where a limit ends may have to be found out by reading.
  for (const PlanNode* below = &node; below != nullptr; below = below->input.get()) {
    if (below->kind == Kind::kLimit) return false;
  }
  return HasPositions(node) && ShuffleOf(node) == nullptr;
}

}  // namespace millstream
