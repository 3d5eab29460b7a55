#include "ingest/open_rows.h"

#include <arrow/array/builder_primitive.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>

#include "base/random.h"
#include "column/gather.h"
#include "env/store_env.h"
#include "exchange/join_table.h"
#include "exec/row_streams.h"
#include "format/file_ranges.h"
#include "ingest/block_cut_stream.h"
#include "ingest/block_rows.h"
#include "ingest/describe_stages.h"
#include "ingest/aggregate_stream.h"
#include "ingest/fold_plan.h"
#include "ingest/fused_nodes.h"
#include "ingest/group_cut_stream.h"
#include "ingest/join_stream.h"
#include "ingest/memory_shares.h"
#include "ingest/range_stream.h"
#include "ingest/rebatch_stream.h"
#include "ingest/scan_plan.h"
#include "ingest/scan_stream.h"
#include "ingest/shuffle_stream.h"
#include "ingest/sort_stream.h"
#include "ops/apply_program.h"
#include "ops/prune_tasks.h"
#include "ops/row_values.h"
#include "plan/blocks.h"
#include "plan/near_names.h"
#include "plan/row_changes.h"
#include "udf/map_stream.h"
#include "udf/native_function.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

/// How the rows of a segment are to be cut.
struct Cut {
  int64_t batch_rows = 0;  // 0: as they come
  bool within_source = true;
  std::shared_ptr<Ledger> ledger = nullptr;  // reserved for it
  bool any_size = false;                     // as they come, and nobody sees how: a scan may give fewer rows at a time where memory is short
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

  Result<RecordBatches> operator()(const std::shared_ptr<arrow::RecordBatch>& batch) {
    ARROW_ASSIGN_OR_RAISE(const auto program, ProgramFor(batch->schema()));
    ARROW_ASSIGN_OR_RAISE(auto rows, ApplyProgram(*program, *batch, arrow::default_memory_pool()));
    return RecordBatches{std::move(rows)};
  }
  Result<std::shared_ptr<arrow::Schema>> Columns(const std::shared_ptr<arrow::Schema>& input) {
    ARROW_ASSIGN_OR_RAISE(const auto program, ProgramFor(input));
    return program->output;
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
  std::string name = NameOfFunction(nodes);
  auto function = std::make_shared<RowChangesFunction>(std::move(nodes));
  return MakeNativeFunction(std::move(name), [function](const FunctionCall& call) { return (*function)(call.batch); },
                            [function](const std::shared_ptr<arrow::Schema>& input) { return function->Columns(input); }, /*finds_place=*/false);
}

/// A hash of the keys of each row.
Result<std::unique_ptr<JoinKeys>> HashKeys(const arrow::RecordBatch& batch, const std::vector<std::string>& names) {
  ARROW_ASSIGN_OR_RAISE(const auto columns, FindColumns(names, *batch.schema()));
  auto hashed = std::make_unique<JoinKeys>(arrow::default_memory_pool());
  ARROW_RETURN_NOT_OK(hashed->Fill(batch, columns));
  return hashed;
}

/// By each row's place, or by the hash of a column.
class Sampler {
 public:
  explicit Sampler(const PlanNode& node)
      : epoch_(MakeEpochKey(node.seed, 0)), column_(node.sample_column), rest_(node.sample_rest), all_(node.fraction >= 1),
        threshold_(all_ ? 0 : static_cast<uint64_t>(std::ldexp(node.fraction, 64))) {}

  Result<RecordBatches> operator()(const FunctionCall& call) const {
    std::vector<uint32_t> kept;
    std::unique_ptr<JoinKeys> keys;
    if (!column_.empty()) {
      ARROW_ASSIGN_OR_RAISE(keys, HashKeys(*call.batch, {column_}));
    }
    const SourceKey source = MakeSourceKey(epoch_, call.source);
    for (int64_t row = 0; row < call.rows; ++row) {
      const uint64_t key = keys != nullptr ? Mix64(keys->hash(row)) : source.KeyOfRow(static_cast<uint64_t>(call.begin_row + row));
      if ((all_ || key < threshold_) != rest_) kept.push_back(static_cast<uint32_t>(row));
    }
    ARROW_ASSIGN_OR_RAISE(auto rows, GatherRows(*call.batch, kept.data(), static_cast<int64_t>(kept.size()), arrow::default_memory_pool()));
    return RecordBatches{std::move(rows)};
  }

 private:
  const EpochKey epoch_;
  const std::string column_;
  const bool rest_;
  const bool all_;  // below 2^64 where the fraction is 1
  const uint64_t threshold_;
};

std::shared_ptr<const BatchFunction> RowValuesFunction(const RowValues& values, uint64_t epoch) {
  return MakeNativeFunction("RowValues", [values, epoch](const FunctionCall& call) -> Result<RecordBatches> {
    ARROW_ASSIGN_OR_RAISE(auto with, WithRowValues(values, {epoch, call.source, call.begin_row}, call.batch, arrow::default_memory_pool()));
    return RecordBatches{std::move(with)};
  });
}

void AddSkipped(std::vector<BadPart> parts, const BadDataOptions& options, SkippedErrors* skipped) {
  skipped->errors_max = options.errors_max;
  for (BadPart& part : parts) {
    skipped->too_many = WithContext(part.error, "There are more errors now than the " + std::to_string(options.errors_max) + " that max_errors lets pass");
    skipped->errors.push_back({-1, -1, part.rows, part.error.message(), "", /*of_file=*/true, part.byte, std::move(part.path), part.recorded});
  }
}

/// Tells of the ranges behind the one that is read, where files are far away.
class RangesToCome {
 public:
  /// Null where they are not. `source`: of ranges.
  static std::shared_ptr<RangesToCome> Make(const std::shared_ptr<Env>& env, const PlanNode& source) {
    const auto& files = source.files;
    const bool are_far = files != nullptr && std::any_of(files->begin(), files->end(), [](const ListedFile& file) { return IsStorePath(file.path); });
    return are_far ? std::make_shared<RangesToCome>(env, files, source.source) : nullptr;
  }
  RangesToCome(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, std::shared_ptr<const ScanSource> ranges)
      : env_(std::move(env)), files_(std::move(files)), ranges_(std::move(ranges)) {}

  void TellAfter(uint32_t file, int64_t range) {
    const auto& tasks = ranges_->tasks();
    const auto place = [](const ScanTask& task) { return std::pair(task.source, task.first_row); };
    const auto behind = std::upper_bound(tasks.begin(), tasks.end(), std::pair(file, range), [&](const auto& a, const ScanTask& b) { return a < place(b); }) - tasks.begin();
    size_t first, last;
    {
      std::lock_guard lock(mutex_);
      first = std::max(told_, static_cast<size_t>(behind));
      last = std::min(static_cast<size_t>(behind) + kRangesAhead, tasks.size());
      if (last <= first) return;
      told_ = last;
    }
    for (; first < last; ++first) {
      const ListedFile& listed = (*files_)[tasks[first].source];
      const int64_t begin = tasks[first].first_row * kRangeBytes;
      // Of a large one that is read as a whole the beginning does: who reads it on is given what comes next.
      env_->WillRead(listed.path, {{begin, std::min(begin + kRangeBytes, listed.size_bytes)}});
    }
  }

 private:
  static constexpr size_t kRangesAhead = 32;

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const std::shared_ptr<const ScanSource> ranges_;
  std::mutex mutex_;
  size_t told_ = 0;  // guarded by mutex_
};

/// One range of a file that is being read, with what it refers to.
struct RangeRead {
  RangeRead(std::shared_ptr<const FileFormat> file_format, BadDataOptions options) : format(std::move(file_format)), bad(options) {}

  const std::shared_ptr<const FileFormat> format;
  BadParts bad;
  std::shared_ptr<arrow::RecordBatchReader> reader;
};

/// A call is one range of a file.
std::shared_ptr<const BatchFunction> FileReader(const std::shared_ptr<const FileFormat>& format, std::shared_ptr<RangesToCome> to_come) {
  return MakeNativeBatchesFunction(format->reader(), [format, to_come = std::move(to_come)](const FunctionCall& call) -> Result<NextBatch> {
    if (to_come != nullptr) to_come->TellAfter(call.source, call.begin_row);
    const BadData* bad_data = format->bad_data();
    const BadDataOptions options = bad_data == nullptr ? BadDataOptions{} : bad_data->options;
    auto read = std::make_shared<RangeRead>(format, options);
    ARROW_ASSIGN_OR_RAISE(read->reader, format->Read(RangeOfRow(*call.batch, 0, call.source), arrow::default_memory_pool(), bad_data == nullptr ? nullptr : &read->bad));
    return [read, options](SkippedErrors* skipped) -> Result<std::shared_ptr<arrow::RecordBatch>> {
      ARROW_ASSIGN_OR_RAISE(auto batch, read->reader->Next());
      AddSkipped(read->bad.Take(), options, skipped);
      return batch;
    };
  }, [schema = format->schema()](const std::shared_ptr<arrow::Schema>&) -> Result<std::shared_ptr<arrow::Schema>> { return schema; });
}

/// What the sources of a node's rows are called.
NameSource NamesOf(const PlanNode& node) {
  const PlanNode* below = &node;
  while (RowChanges::Takes(*below) || below->kind == Kind::kLimit) below = below->input.get();
  const PlanNode& source = below->kind == Kind::kReadFiles ? *below->input : *below;
  if (source.kind == Kind::kSource && source.files != nullptr) {
    return [files = source.files](uint32_t file) { return (*files)[file].path; };
  }
  std::string name = below->Describe();
  name = (below->kind == Kind::kSource ? "" : "the output of ") + name.substr(0, name.find('['));
  return [name](uint32_t) { return name; };
}

/// Batches that a scan has room for, about, where their size is free.
constexpr int64_t kBatchesOfScan = 8;

class Opener {
 public:
  Opener(std::shared_ptr<Engine> engine, const PlanPtr& plan, const ExecuteOptions& options)
      : engine_(std::move(engine)), options_(options), limit_(engine_->options().memory_limit_bytes), shares_(plan, limit_, options.memory_kept_bytes) {}

  Result<PolledStreamPtr> Open(const PlanPtr& node, const Cut& cut) {
    return IsFoldable(*node) ? OpenFolded(node, cut) : OpenSegment(node, cut);
  }

 private:
  Result<PolledStreamPtr> OpenFolded(const PlanPtr& node, const Cut& cut);
  /// Leaves out the first tasks as far as their rows are to be skipped; `skip` is what is left of those.
  Result<PolledStreamPtr> OpenScan(const PlanNode& node, FoldedPlan folded, const Cut& cut, int64_t* skip);
  /// A node that is not foldable, with those functions and row-wise nodes below it that one stage takes together.
  Result<PolledStreamPtr> OpenSegment(const PlanPtr& node, const Cut& cut);
  Result<PolledStreamPtr> OpenFunctions(const PlanPtr& top, const Cut& cut);
  /// What the lowest of the functions is called with.
  Result<PolledStreamPtr> OpenBatches(const FusedNodes& fused, const Cut& cut);
  std::shared_ptr<const BatchFunction> FunctionOf(const std::vector<PlanPtr>& nodes) const;
  Result<PolledStreamPtr> OpenOffset(const PlanNode& node, const Cut& cut);
  Result<std::vector<PolledStreamPtr>> OpenAll(const PlanNode& node);
  Result<PolledStreamPtr> OpenRepartition(const PlanNode& node);
  Result<PolledStreamPtr> OpenBlocksByKey(const PlanNode& node);
  PolledStreamPtr CutBlocks(PolledStreamPtr blocks);
  Result<PolledStreamPtr> OpenShuffle(const PlanNode& node, const Cut& cut);
  Result<PolledStreamPtr> OpenSort(const PlanNode& node, const Cut& cut);
  Result<PolledStreamPtr> OpenAggregate(const PlanPtr& node, const Cut& cut);
  Result<PolledStreamPtr> OpenJoin(const PlanNode& node);
  Result<PolledStreamPtr> OpenGroups(const PlanNode& node);
  Result<PolledStreamPtr> Recut(PolledStreamPtr stream, const Cut& cut) {
    if (cut.batch_rows == 0) return stream;
    return OpenRebatchStream(engine_, std::move(stream), {cut.batch_rows, cut.within_source, false, cut.ledger});
  }
  /// Where whole blocks are asked for, tasks are blocks. Pruned or truncated sources keep their tasks.
  static std::shared_ptr<const ScanSource> Blocks(const PlanNode& node, const FoldedPlan& folded) {
    const PlanNode& source = SourceOf(node);
    return folded.source == source.source ? CutIntoBlocks(source) : folded.source;
  }
  ShuffleStreamOptions ShuffleOptions(const PlanNode& node, int64_t batch_rows) const;

  const std::shared_ptr<Engine> engine_;
  const ExecuteOptions options_;
  const EpochKey epoch_ = MakeEpochKey(options_.seed, options_.epoch);
  const int64_t limit_;
  MemoryShares shares_;
};

ShuffleStreamOptions Opener::ShuffleOptions(const PlanNode& node, int64_t batch_rows) const {
  ShuffleStreamOptions shuffle;
  shuffle.seed = node.seed;
  shuffle.epoch = node.seed_kind == SeedKind::kFixed ? 0 : options_.epoch;
  shuffle.batch_rows = batch_rows;
  shuffle.memory_kept_bytes = limit_ - shares_.exchange_bytes;
  return shuffle;
}

Result<PolledStreamPtr> Opener::OpenFolded(const PlanPtr& node, const Cut& cut) {
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *node));
  if (folded.shuffle != nullptr) {
    auto options = ShuffleOptions(*folded.shuffle, cut.batch_rows > 0 ? cut.batch_rows : BlockRows(*folded.program->output));
    options.source_name = folded.source_name;
    ARROW_ASSIGN_OR_RAISE(auto stream, OpenShuffleStream(engine_, folded.source, folded.program, options));
    if (folded.limit >= 0) stream = OpenLimitStream(*engine_, std::move(stream), folded.limit, 0);
    return OpenNumberedStream(*engine_, std::move(stream));
  }
  return OpenScan(*node, std::move(folded), cut, nullptr);
}

Result<PolledStreamPtr> Opener::OpenScan(const PlanNode& node, FoldedPlan folded, const Cut& cut, int64_t* skip) {
  if (cut.batch_rows == 0) folded.source = Blocks(node, folded);
  if (skip != nullptr) folded.source = SkipTasks(std::move(folded.source), skip);
  ScanStreamOptions options;
  options.batch_rows = cut.batch_rows > 0 ? cut.batch_rows : BlockRows(*folded.program->output);
  if (cut.any_size) options.batch_rows = std::clamp<int64_t>(shares_.scan_bytes / kBatchesOfScan / OutputRowBytes(*folded.source, *folded.program), 1, options.batch_rows);
  options.batches_within = cut.any_size ? BatchesWithin::kWindow : cut.batch_rows == 0 ? BatchesWithin::kTask : cut.within_source ? BatchesWithin::kSource : BatchesWithin::kStream;
  options.row_limit = folded.limit;
  options.preserve_order = options_.preserve_order;
  options.memory_kept_bytes = limit_ - shares_.scan_bytes;
  return OpenScanStream(engine_, folded.source, folded.program, options);
}

Result<PolledStreamPtr> Opener::OpenSegment(const PlanPtr& node, const Cut& wanted) {
  Cut cut = wanted;
  const bool cuts_itself = node->kind == Kind::kSort || node->kind == Kind::kShuffle;
  if (cut.batch_rows > 0 && cut.ledger == nullptr && !cuts_itself) ARROW_RETURN_NOT_OK(ReserveBatches(*engine_).Value(&cut.ledger));
  switch (node->kind) {
    case Kind::kLimit: {
      if (node->offset > 0) return OpenOffset(*node, cut);
      ARROW_ASSIGN_OR_RAISE(auto input, Open(node->input, cut));
      return OpenLimitStream(*engine_, std::move(input), node->limit, 0);
    }
    case Kind::kUnion: {
      ARROW_ASSIGN_OR_RAISE(auto inputs, OpenAll(*node));
      return Recut(OpenUnionStream(*engine_, std::move(inputs), node->schema), cut);
    }
    case Kind::kZip: {
      ARROW_ASSIGN_OR_RAISE(auto inputs, OpenAll(*node));
      return Recut(OpenZipStream(*engine_, std::move(inputs), ZippedNames), cut);
    }
    case Kind::kMix: {
      ARROW_ASSIGN_OR_RAISE(auto inputs, OpenAll(*node));
      auto stream = OpenMixStream(*engine_, std::move(inputs), node->weights, node->stop_on_shortest, node->schema);
      return Recut(std::move(stream), {cut.batch_rows > 0 ? cut.batch_rows : kBlockRowsMax, false});
    }
    case Kind::kRepartition: {
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenRepartition(*node));
      return Recut(std::move(stream), cut);
    }
    case Kind::kJoin: {
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenJoin(*node));
      return Recut(std::move(stream), cut);
    }
    case Kind::kShuffle:
      return OpenShuffle(*node, cut);
    case Kind::kSort:
      return OpenSort(*node, cut);
    case Kind::kAggregate: {
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenAggregate(node, cut));
      return Recut(std::move(stream), cut);
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(auto stream, OpenFunctions(node, cut));
      return Recut(std::move(stream), cut);
    }
  }
}

std::shared_ptr<const BatchFunction> Opener::FunctionOf(const std::vector<PlanPtr>& nodes) const {
  const PlanNode& node = *nodes.front();
  switch (node.kind) {
    case Kind::kMap:
      return node.function;
    case Kind::kReadFiles:
      return FileReader(node.format, RangesToCome::Make(engine_->env(), *node.input));
    case Kind::kSample:
      return MakeNativeFunction("RandomSample", Sampler(node), BatchFunction::SameColumns, /*finds_place=*/node.sample_column.empty());
    case Kind::kRowValues:
      return RowValuesFunction(node.row_values, options_.epoch);
    default:
      return RowFunction(nodes);
  }
}

Result<PolledStreamPtr> Opener::OpenFunctions(const PlanPtr& top, const Cut& cut) {
  const FusedNodes fused = FuseNodes(top);
  ARROW_ASSIGN_OR_RAISE(auto ledger, ReserveCalls(*engine_, NameOf(fused)));
  ARROW_ASSIGN_OR_RAISE(auto batches, OpenBatches(fused, cut));
  std::vector<NamedFunction> functions;
  for (const auto& nodes : fused.functions) functions.push_back({FunctionOf(nodes), NamesOf(*nodes.front()->input)});
  return OpenFusedStream(engine_, std::move(batches), std::move(functions), epoch_, std::move(ledger));
}

Result<PolledStreamPtr> Opener::OpenBatches(const FusedNodes& fused, const Cut& cut) {
  const PlanNode& lowest = *fused.functions.front().front();
  if (lowest.kind == Kind::kMap && lowest.batch_rows == PlanNode::kWholeGroups) return OpenGroups(lowest);
  if (lowest.kind == Kind::kMap) return Open(fused.input, {lowest.batch_rows, true});
  if (lowest.kind == Kind::kReadFiles) {
    const auto& source = fused.input->source;
    if (fused.input->kind == Kind::kSource && source != nullptr && IsFileRanges(*source)) return OpenRangeStream(*engine_, source);
    return Open(fused.input, {1, true});
  }
  // A function sees how its batches are cut.
  const bool any_map = std::any_of(fused.functions.begin(), fused.functions.end(), [](const auto& nodes) { return nodes.front()->kind == Kind::kMap; });
  return Open(fused.input, {.any_size = cut.any_size && !any_map});
}

/// Tasks before the first row wanted are not read where they can be told from the rest.
Result<PolledStreamPtr> Opener::OpenOffset(const PlanNode& node, const Cut& cut) {
  int64_t skip = node.offset;
  PolledStreamPtr input;
  if (IsFoldable(*node.input) && KnownRowCount(*node.input).has_value() && ShuffleOf(*node.input) == nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *node.input));
    ARROW_ASSIGN_OR_RAISE(input, OpenScan(*node.input, std::move(folded), {}, &skip));
  } else {
    ARROW_ASSIGN_OR_RAISE(input, Open(node.input, {}));
  }
  auto stream = OpenLimitStream(*engine_, OpenSkipStream(*engine_, std::move(input), skip), node.limit, 0);
  return Recut(std::move(stream), cut);
}

Result<std::vector<PolledStreamPtr>> Opener::OpenAll(const PlanNode& node) {
  std::vector<PolledStreamPtr> inputs;
  for (const PlanPtr& input : InputsOf(node)) {
    ARROW_ASSIGN_OR_RAISE(auto stream, Open(input, {}));
    inputs.push_back(std::move(stream));
  }
  return inputs;
}

/// Row-wise nodes that go into the exchange of `node` through one program, from the lowest up, and what is below them. Shuffles among them change nothing where
/// the rows are shuffled again.
struct Below {
  std::vector<PlanPtr> nodes;
  PlanPtr input;
};
Below RowsBelow(const PlanNode& node) {
  Below below{{}, node.input};
  const bool shuffles = node.kind == Kind::kShuffle;
  for (; RowChanges::Takes(*below.input) || (shuffles && below.input->kind == Kind::kShuffle); below.input = below.input->input) {
    if (below.input->kind != Kind::kShuffle) below.nodes.insert(below.nodes.begin(), below.input);
  }
  return below;
}

Result<PolledStreamPtr> Opener::OpenShuffle(const PlanNode& node, const Cut& cut) {
  Below below = RowsBelow(node);
  ARROW_ASSIGN_OR_RAISE(auto input, Open(below.input, {}));
  const int64_t rows = GuessRows(*below.input);
  const auto open = [engine = engine_, nodes = std::move(below.nodes), options = ShuffleOptions(node, cut.batch_rows), rows](PolledStreamPtr stream) mutable
      -> Result<PolledStreamPtr> {
    ARROW_ASSIGN_OR_RAISE(auto program, ProgramOf(nodes, stream->schema()));
    if (options.batch_rows == 0) options.batch_rows = BlockRows(*program->output);
    return OpenShuffleStream(engine, std::move(stream), std::move(program), rows, options);
  };
  return OpenNumberedStream(*engine_, OpenDeferredStream(*engine_, std::move(input), open));
}

Result<SortStreamOptions> SortOptions(const std::vector<SortKey>& keys, const arrow::Schema& schema, int64_t batch_rows) {
  SortStreamOptions options;
  ARROW_ASSIGN_OR_RAISE(options.by.columns, SortColumnsOf(keys, schema));
  for (const SortKey& key : keys) options.by.directions.push_back({key.descending, key.nulls_first});
  options.batch_rows = batch_rows > 0 ? batch_rows : BlockRows(schema);
  return options;
}

Result<PolledStreamPtr> Opener::OpenSort(const PlanNode& node, const Cut& cut) {
  const int64_t batch_rows = cut.batch_rows;
  PolledStreamPtr stream;
  if (HasPositions(*node.input) && ShuffleOf(*node.input) == nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *node.input, /*settle_limit=*/true));
    ARROW_ASSIGN_OR_RAISE(auto options, SortOptions(node.sort_keys, *folded.program->output, batch_rows));
    options.source_name = folded.source_name;
    options.memory_kept_bytes = limit_ - shares_.exchange_bytes;
    ARROW_ASSIGN_OR_RAISE(stream, OpenSortStream(engine_, folded.source, folded.program, options));
  } else {
    Below below = RowsBelow(node);
    ARROW_ASSIGN_OR_RAISE(auto input, Open(below.input, {}));
    const int64_t rows = GuessRows(*below.input);
    const auto open = [engine = engine_, nodes = std::move(below.nodes), keys = node.sort_keys, rows, batch_rows,
                       kept = limit_ - shares_.exchange_bytes](PolledStreamPtr over) -> Result<PolledStreamPtr> {
      ARROW_ASSIGN_OR_RAISE(auto program, ProgramOf(nodes, over->schema()));
      ARROW_ASSIGN_OR_RAISE(auto options, SortOptions(keys, *program->output, batch_rows));
      options.memory_kept_bytes = kept;
      return OpenSortStream(engine, std::move(over), std::move(program), rows, options);
    };
    stream = OpenDeferredStream(*engine_, std::move(input), open);
  }
  return OpenNumberedStream(*engine_, std::move(stream));
}

/// The rows with one more column, the number of each one's block.
std::shared_ptr<const BatchFunction> BlockFunction(const RepartitionSpec& spec) {
  return MakeNativeFunction("Repartition, hashed", [spec](const FunctionCall& call) -> Result<RecordBatches> {
    ARROW_ASSIGN_OR_RAISE(const auto hashed, HashKeys(*call.batch, spec.keys));
    arrow::Int32Builder numbers;
    ARROW_RETURN_NOT_OK(numbers.Reserve(call.rows));
    for (int64_t row = 0; row < call.rows; ++row) {
      numbers.UnsafeAppend(static_cast<int32_t>(PartitionOfKey(Mix64(hashed->hash(row)), static_cast<uint32_t>(spec.blocks))));
    }
    ARROW_ASSIGN_OR_RAISE(auto column, numbers.Finish());
    ARROW_ASSIGN_OR_RAISE(auto with, call.batch->AddColumn(call.batch->num_columns(), arrow::field("block", arrow::int32(), false), std::move(column)));
    return RecordBatches{std::move(with)};
  });
}

/// By block, and by the keys where the blocks are to be sorted.
SortOrder::By BlockOrder(const RepartitionSpec& spec, const arrow::Schema& schema) {
  SortOrder::By by;
  by.columns.push_back(schema.num_fields() - 1);
  if (spec.sort) {
    for (const std::string& key : spec.keys) by.columns.push_back(schema.GetFieldIndex(key));
  }
  by.directions.resize(by.columns.size());
  return by;
}

Result<PolledStreamPtr> Opener::OpenBlocksByKey(const PlanNode& node) {
  const auto function = BlockFunction(*node.repartition);
  ARROW_ASSIGN_OR_RAISE(auto ledger, ReserveCalls(*engine_, function->name()));
  ARROW_ASSIGN_OR_RAISE(auto input, Open(node.input, {}));
  ARROW_ASSIGN_OR_RAISE(auto numbered, OpenMapStream(engine_, std::move(input), *function, NamesOf(*node.input), EpochKey{}, std::move(ledger)));
  const auto open = [engine = engine_, spec = node.repartition, rows = GuessRows(*node.input), kept = limit_ - shares_.exchange_bytes](PolledStreamPtr over) -> Result<PolledStreamPtr> {
    SortStreamOptions options;
    options.memory_kept_bytes = kept;
    options.stage_name = "Repartition, sorted by block";
    options.by = BlockOrder(*spec, *over->schema());
    options.batch_rows = BlockRows(*over->schema());
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::PassThrough(over->schema()));
    return OpenSortStream(engine, std::move(over), std::move(program), rows, options);
  };
  return CutBlocks(OpenNumberedBlocks(*engine_, OpenDeferredStream(*engine_, std::move(numbered), open)));
}

/// Blocks, a source each, whole or in parts of BlockRows.
PolledStreamPtr Opener::CutBlocks(PolledStreamPtr blocks) {
  const auto open = [engine = engine_](PolledStreamPtr over) -> Result<PolledStreamPtr> {
    const int64_t rows = BlockRows(*over->schema());
    return OpenRebatchStream(engine, std::move(over), {rows, /*within_source=*/true, false, nullptr});
  };
  return OpenNumberedStream(*engine_, OpenDeferredStream(*engine_, std::move(blocks), open));
}

/// Where the number of rows is not known, they are brought together in the exchange, in their order, to be counted.
Result<PolledStreamPtr> Opener::OpenRepartition(const PlanNode& node) {
  const RepartitionSpec& spec = *node.repartition;
  if (!spec.keys.empty()) return OpenBlocksByKey(node);
  ARROW_ASSIGN_OR_RAISE(auto input, Open(node.input, {}));
  if (spec.block_rows > 0) return CutBlocks(OpenBlocksOfRows(*engine_, std::move(input), spec.block_rows));
  if (const auto rows = KnownRowCount(*node.input)) return CutBlocks(OpenEvenBlocks(*engine_, std::move(input), spec.blocks, rows));
  const auto open = [engine = engine_, rows = GuessRows(*node.input), kept = limit_ - shares_.exchange_bytes](PolledStreamPtr over) -> Result<PolledStreamPtr> {
    SortStreamOptions options;
    options.stage_name = "Repartition, counted";
    options.memory_kept_bytes = kept;
    options.batch_rows = BlockRows(*over->schema());
    ARROW_ASSIGN_OR_RAISE(auto program, RowProgram::PassThrough(over->schema()));
    return OpenSortStream(engine, std::move(over), std::move(program), rows, options);
  };
  return CutBlocks(OpenEvenBlocks(*engine_, OpenDeferredStream(*engine_, std::move(input), open), spec.blocks, std::nullopt));
}

/// The numbers, among the program's inputs, of columns that pass through to its output; none where one is computed.
std::vector<int> InputsBehind(const RowProgram& program, const std::vector<std::string>& names) {
  std::vector<int> inputs;
  for (const std::string& name : names) {
    const int column = program.output->GetFieldIndex(name);
    if (column < 0 || program.columns[column].passthrough < 0) return {};
    inputs.push_back(program.columns[column].passthrough);
  }
  return inputs;
}

/// A scan on the left reads its keys first, and of the other columns only what matches.
Result<PolledStreamPtr> Opener::OpenJoin(const PlanNode& node) {
  const Cut any_size{.any_size = true};
  ARROW_ASSIGN_OR_RAISE(auto right, Open(node.others.front(), any_size));
  const JoinOptions join{shares_.exchange_bytes, GuessRows(*node.input), GuessRows(*node.others.front())};
  const bool scans = HasPositions(*node.input) && ShuffleOf(*node.input) == nullptr;
  if (!scans && OpensOnLane(*node.input)) {
    const auto open = [opener = *this, input = node.input, any_size](const JoinKeyFilter&) mutable { return opener.Open(input, any_size); };
    return OpenJoinStream(engine_, open, std::move(right), *node.join, join);
  }
  if (!scans) {
    ARROW_ASSIGN_OR_RAISE(auto opened, Open(node.input, any_size));
    auto left = std::make_shared<PolledStreamPtr>(std::move(opened));
    return OpenJoinStream(engine_, [left](const JoinKeyFilter&) -> Result<PolledStreamPtr> { return std::move(*left); }, std::move(right), *node.join, join);
  }
  ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *node.input, /*settle_limit=*/true));
  const auto open = [opener = *this, input = node.input, keys = node.join->left_keys, folded, any_size](const JoinKeyFilter& filter) mutable {
    const auto inputs = InputsBehind(*folded.program, keys);
    if (filter.selector != nullptr && !inputs.empty()) {
      auto program = std::make_shared<RowProgram>(*folded.program);
      program->selector = filter.selector;
      program->selector_inputs = inputs;
      folded.program = std::move(program);
      folded.source = Blocks(*input, folded);
      // The range is of the output's column, which passes through under another name, maybe.
      if (keys.front() == folded.program->input->field(inputs.front())->name()) folded.source = PruneTasks(folded.source, filter.range.get());
    }
    // What the right took is known by now; others that open later want their part of the rest.
    if (!filter.goes_through_exchange) opener.shares_.scan_bytes = std::max(opener.shares_.scan_bytes, opener.engine_->budget()->free_bytes() / 2);
    return opener.OpenScan(*input, std::move(folded), any_size, nullptr);
  };
  return OpenJoinStream(engine_, open, std::move(right), *node.join, join);
}

/// The rows in whole groups; they come sorted.
Result<PolledStreamPtr> Opener::OpenGroups(const PlanNode& node) {
  ARROW_ASSIGN_OR_RAISE(auto sorted, Open(node.input, {}));
  const auto open = [engine = engine_, keys = node.group_keys](PolledStreamPtr over) -> Result<PolledStreamPtr> {
    std::vector<int> columns;
    for (const std::string& key : keys) columns.push_back(over->schema()->GetFieldIndex(key));
    return OpenGroupCutStream(engine, std::move(over), std::move(columns));
  };
  return OpenDeferredStream(*engine_, std::move(sorted), open);
}

Result<AggregatePhase::Inputs> AggregateInputs(std::shared_ptr<Engine> engine, const PlanNode& node, const RowProgram& program) {
  ARROW_ASSIGN_OR_RAISE(auto columns, GroupColumnsOf(node, *program.output));
  AggregatePhase::Inputs inputs;
  inputs.engine = std::move(engine);
  inputs.program = RowProgram::Select(program, columns.selected);
  inputs.keys = std::move(columns.keys);
  inputs.specs = std::move(columns.specs);
  inputs.stage_name = node.group_keys.empty() ? "Aggregate" : "GroupBy";
  return inputs;
}

/// Only what is grouped by and aggregated is read; shuffles and sorts below change nothing.
Result<PolledStreamPtr> Opener::OpenAggregate(const PlanPtr& node, const Cut& cut) {
  const bool any_size = cut.batch_rows > 0 || cut.any_size;
  if (HasPositions(*node->input) && ShuffleOf(*node->input) == nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto folded, FoldPlan(engine_, *node->input, /*settle_limit=*/true));
    ARROW_ASSIGN_OR_RAISE(auto inputs, AggregateInputs(engine_, *node, *folded.program));
    inputs.memory_bytes = shares_.exchange_bytes;
    inputs.source = folded.source;
    inputs.source_name = folded.source_name;
    return OpenAggregateStream(std::move(inputs), any_size);
  }
  Below below = RowsBelow(*node);
  ARROW_ASSIGN_OR_RAISE(auto input, Open(below.input, {}));
  const auto open = [engine = engine_, nodes = std::move(below.nodes), node, memory = shares_.exchange_bytes, any_size](PolledStreamPtr over) -> Result<PolledStreamPtr> {
    ARROW_ASSIGN_OR_RAISE(const auto program, ProgramOf(nodes, over->schema()));
    ARROW_ASSIGN_OR_RAISE(auto inputs, AggregateInputs(engine, *node, *program));
    inputs.memory_bytes = memory;
    inputs.stream = std::make_shared<SharedInput>(std::move(over));
    return OpenAggregateStream(std::move(inputs), any_size);
  };
  return OpenDeferredStream(*engine_, std::move(input), open);
}

/// What an exchange gives is cut as it is to be without a copy; that of groups comes in what the memory has room for.
Cut CutOf(const PlanNode& plan, int64_t batch_rows) {
  if (plan.kind == Kind::kSort || plan.kind == Kind::kShuffle) return {.batch_rows = batch_rows, .within_source = false};
  const PlanNode* below = &plan;
  while (RowChanges::Takes(*below)) below = below->input.get();
  return {.any_size = below->kind == Kind::kAggregate};
}

}  // namespace

Result<std::unique_ptr<BatchStream>> OpenPlan(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options) {
  ExecuteOptions below = options;
  const int64_t batch_bytes = BytesOfBatches(*plan, options.batch_rows, engine->options().memory_limit_bytes);
  below.memory_kept_bytes += batch_bytes;
  // Before the rest, which may take all that is free.
  ARROW_ASSIGN_OR_RAISE(auto ledger, ReserveBatches(*engine, batch_bytes));
  Opener opener(engine, plan, below);
  ARROW_ASSIGN_OR_RAISE(auto stream, opener.Open(plan, CutOf(*plan, options.batch_rows)));
  if (options.rows_delivered > 0) stream = OpenSkipStream(*engine, std::move(stream), options.rows_delivered);
  return OpenRebatchStream(engine, std::move(stream), {options.batch_rows, false, options.drop_last, std::move(ledger)});
}

}  // namespace millstream
