#include "ingest/open_rows.h"

#include <algorithm>
#include <mutex>

#include "exec/row_streams.h"
#include "ingest/fold_plan.h"
#include "ingest/rebatch_stream.h"
#include "ingest/scan_stream.h"
#include "ingest/shuffle_stream.h"
#include "ops/apply_program.h"
#include "plan/blocks.h"
#include "plan/row_changes.h"
#include "udf/map_stream.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

/// Rows of a batch where a stage takes whole blocks: a block that has more comes in several (docs/order.md).
constexpr int64_t kBlockRowsMax = 64 << 10;
/// The same where blocks come out of a shuffle, which keeps none.
constexpr int64_t kShuffledBlockRows = 16 << 10;

/// How the rows of a segment are to be cut.
struct Cut {
  int64_t batch_rows = 0;  // 0: as they come
  bool within_source = true;
};

Result<std::shared_ptr<const RowProgram>> ProgramOf(const std::vector<PlanPtr>& nodes, const std::shared_ptr<arrow::Schema>& schema) {
  RowChanges changes(*schema);
  for (const PlanPtr& node : nodes) ARROW_RETURN_NOT_OK(changes.Add(*node));
  return RowProgram::Make(schema, changes.filter(), changes.columns());
}

/// Row-wise nodes, from the lowest up, as a function: bound when the first batch tells the schema.
class RowChangesFunction {
 public:
  explicit RowChangesFunction(std::vector<PlanPtr> nodes) : nodes_(std::move(nodes)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> operator()(const std::shared_ptr<arrow::RecordBatch>& batch) {
    ARROW_ASSIGN_OR_RAISE(const auto program, ProgramFor(batch->schema()));
    return ApplyProgram(*program, *batch, arrow::default_memory_pool());
  }

 private:
  Result<std::shared_ptr<const RowProgram>> ProgramFor(const std::shared_ptr<arrow::Schema>& schema) {
    std::lock_guard lock(mutex_);
    if (program_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(program_, ProgramOf(nodes_, schema));
    }
    return program_;
  }

  const std::vector<PlanPtr> nodes_;
  std::mutex mutex_;
  std::shared_ptr<const RowProgram> program_;
};

std::shared_ptr<const BatchFunction> RowFunction(std::vector<PlanPtr> nodes) {
  std::string name;
  for (const PlanPtr& node : nodes) {
    const std::string text = node->Describe();
    name += (name.empty() ? "" : "->") + text.substr(0, text.find('['));
  }
  auto function = std::make_shared<RowChangesFunction>(std::move(nodes));
  return MakeNativeFunction(std::move(name), [function](const FunctionCall& call) { return (*function)(call.batch); });
}

/// What the sources of a node's rows are called.
NameSource NamesOf(const PlanNode& node) {
  const PlanNode* below = &node;
  while (RowChanges::Takes(*below) || below->kind == Kind::kLimit) below = below->input.get();
  if (below->kind == Kind::kSource && below->parquet != nullptr) {
    return [parquet = below->parquet](uint32_t source) { return parquet->files()[source].path; };
  }
  std::string name = below->Describe();
  name = (below->kind == Kind::kSource ? "" : "the output of ") + name.substr(0, name.find('['));
  return [name](uint32_t) { return name; };
}

/// How many rows the node may give: for sizes only.
int64_t GuessRows(const PlanNode& node) {
  if (node.kind == Kind::kSource || node.others.empty()) {
    const auto known = KnownRowCount(node);
    return known.has_value() ? *known : GuessRows(*node.input);
  }
  int64_t rows = 0;
  for (const PlanPtr& input : InputsOf(node)) rows += GuessRows(*input);
  return rows;
}

class Opener {
 public:
  Opener(std::shared_ptr<Engine> engine, const ExecuteOptions& options) : engine_(std::move(engine)), options_(options) {}

  Result<PolledStreamPtr> Open(const PlanPtr& node, const Cut& cut) {
    return IsFoldable(*node) ? OpenFolded(node, cut) : OpenSegment(node, cut);
  }

 private:
  Result<PolledStreamPtr> OpenFolded(const PlanPtr& node, const Cut& cut);
  /// A node that is not foldable, with those row-wise nodes below it that one stage takes together.
  Result<PolledStreamPtr> OpenSegment(const PlanPtr& node, const Cut& cut);
  Result<PolledStreamPtr> OpenChanges(const PlanPtr& top, const Cut& cut);
  Result<PolledStreamPtr> OpenUnion(const PlanNode& node);
  Result<PolledStreamPtr> OpenZip(const PlanNode& node);
  Result<PolledStreamPtr> OpenShuffle(const PlanNode& node, const Cut& cut);
  Result<PolledStreamPtr> Recut(PolledStreamPtr stream, const Cut& cut) {
    if (cut.batch_rows == 0) return stream;
    return OpenRebatchStream(engine_, std::move(stream), {cut.batch_rows, cut.within_source, false});
  }
  /// Where whole blocks are asked for, tasks are blocks. Pruned or truncated sources keep their tasks.
  static std::shared_ptr<const ScanSource> Blocks(const PlanNode& node, const FoldedPlan& folded) {
    const PlanNode& source = SourceOf(node);
    return folded.source == source.source ? CutIntoBlocks(source) : folded.source;
  }
  ShuffleStreamOptions ShuffleOptions(const PlanNode& node, int64_t batch_rows) const;

  const std::shared_ptr<Engine> engine_;
  const ExecuteOptions options_;
};

ShuffleStreamOptions Opener::ShuffleOptions(const PlanNode& node, int64_t batch_rows) const {
  const bool fixed = node.seed_kind == SeedKind::kFixed;
  ShuffleStreamOptions shuffle;
  shuffle.seed = fixed || node.seed_kind == SeedKind::kPerExecution ? node.seed : options_.seed;
  shuffle.epoch = fixed ? 0 : options_.epoch;
  shuffle.batch_rows = batch_rows;
  shuffle.memory_kept_bytes = options_.memory_kept_bytes;
  return shuffle;
}

Result<PolledStreamPtr> Opener::OpenFolded(const PlanPtr& node, const Cut& cut) {
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *node));
  if (folded.shuffle != nullptr) {
    auto options = ShuffleOptions(*folded.shuffle, cut.batch_rows > 0 ? cut.batch_rows : kShuffledBlockRows);
    options.source_name = folded.source_name;
    ARROW_ASSIGN_OR_RAISE(auto stream, OpenShuffleStream(engine_, folded.source, folded.program, options));
    if (folded.limit >= 0) stream = OpenLimitStream(*engine_, std::move(stream), folded.limit, 0);
    return OpenNumberedStream(*engine_, std::move(stream));
  }
  if (cut.batch_rows == 0) folded.source = Blocks(*node, folded);
  ScanStreamOptions options;
  options.batch_rows = cut.batch_rows > 0 ? cut.batch_rows : kBlockRowsMax;
  options.batches_within = cut.batch_rows == 0 ? BatchesWithin::kTask : cut.within_source ? BatchesWithin::kSource : BatchesWithin::kStream;
  options.row_limit = folded.limit;
  options.preserve_order = options_.preserve_order;
  options.memory_kept_bytes = options_.memory_kept_bytes;
  return OpenScanStream(engine_, folded.source, folded.program, options);
}

Result<PolledStreamPtr> Opener::OpenSegment(const PlanPtr& node, const Cut& cut) {
  switch (node->kind) {
    case Kind::kMap: {
      ARROW_ASSIGN_OR_RAISE(auto input, Open(node->input, {node->batch_rows, true}));
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenMapStream(engine_, std::move(input), *node->function, NamesOf(*node->input)));
      return Recut(std::move(stream), cut);
    }
    case Kind::kLimit: {
      ARROW_ASSIGN_OR_RAISE(auto input, Open(node->input, cut));
      return OpenLimitStream(*engine_, std::move(input), node->limit, 0);
    }
    case Kind::kUnion: {
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenUnion(*node));
      return Recut(std::move(stream), cut);
    }
    case Kind::kZip: {
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenZip(*node));
      return Recut(std::move(stream), cut);
    }
    case Kind::kShuffle:
      return OpenShuffle(*node, cut);
    default:
      return OpenChanges(node, cut);
  }
}

/// Row-wise nodes over a stream, as one function.
Result<PolledStreamPtr> Opener::OpenChanges(const PlanPtr& top, const Cut& cut) {
  std::vector<PlanPtr> nodes;
  PlanPtr below = top;
  for (; RowChanges::Takes(*below); below = below->input) nodes.insert(nodes.begin(), below);
  ARROW_ASSIGN_OR_RAISE(auto input, Open(below, {}));
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenMapStream(engine_, std::move(input), *RowFunction(std::move(nodes)), NamesOf(*below)));
  return Recut(std::move(stream), cut);
}

Result<PolledStreamPtr> Opener::OpenUnion(const PlanNode& node) {
  std::vector<PolledStreamPtr> inputs;
  for (const PlanPtr& input : InputsOf(node)) {
    ARROW_ASSIGN_OR_RAISE(auto stream, Open(input, {}));
    inputs.push_back(std::move(stream));
  }
  return OpenUnionStream(*engine_, std::move(inputs), node.schema);
}

Result<PolledStreamPtr> Opener::OpenZip(const PlanNode& node) {
  std::vector<PolledStreamPtr> inputs;
  for (const PlanPtr& input : InputsOf(node)) {
    ARROW_ASSIGN_OR_RAISE(auto stream, Open(input, {}));
    inputs.push_back(std::move(stream));
  }
  return OpenZipStream(*engine_, std::move(inputs), ZippedNames);
}

/// The rows between a shuffle and the stage below it go into the exchange through one program; shuffles below it change nothing.
Result<PolledStreamPtr> Opener::OpenShuffle(const PlanNode& node, const Cut& cut) {
  std::vector<PlanPtr> nodes;
  PlanPtr below = node.input;
  for (; RowChanges::Takes(*below) || below->kind == Kind::kShuffle; below = below->input) {
    if (below->kind != Kind::kShuffle) nodes.insert(nodes.begin(), below);
  }
  ARROW_ASSIGN_OR_RAISE(auto input, Open(below, {}));
  const auto options = ShuffleOptions(node, cut.batch_rows > 0 ? cut.batch_rows : kShuffledBlockRows);
  const int64_t rows = GuessRows(*below);
  const auto open = [engine = engine_, nodes = std::move(nodes), options, rows](PolledStreamPtr stream) -> Result<PolledStreamPtr> {
    ARROW_ASSIGN_OR_RAISE(auto program, ProgramOf(nodes, stream->schema()));
    return OpenShuffleStream(engine, std::move(stream), std::move(program), rows, options);
  };
  return OpenNumberedStream(*engine_, OpenDeferredStream(*engine_, std::move(input), open));
}

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenPlan(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options) {
  Opener opener(engine, options);
  const bool skips = options.rows_delivered > 0;
  ARROW_ASSIGN_OR_RAISE(auto stream, opener.Open(plan, {}));
  if (skips) stream = OpenSkipStream(*engine, std::move(stream), options.rows_delivered);
  return OpenRebatchStream(engine, std::move(stream), {options.batch_rows, false, options.drop_last});
}

}  // namespace millstream
