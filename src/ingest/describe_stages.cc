#include "ingest/describe_stages.h"

#include <algorithm>

#include "base/bytes.h"
#include "exchange/join_table.h"
#include "format/batch_bytes.h"
#include "ingest/block_rows.h"
#include "ingest/describe_execution.h"
#include "ingest/fold_plan.h"
#include "ingest/fused_nodes.h"
#include "ingest/memory_shares.h"
#include "ingest/stage_traffic.h"
#include "plan/row_changes.h"

namespace millstream {
namespace {

using Kind = PlanNode::Kind;

std::string Rows(const PlanNode& node) {
  const auto known = KnownRowCount(node);
  return known.has_value() ? std::to_string(*known) + " rows" : "about " + std::to_string(GuessRows(node)) + " rows";
}

std::string Indented(const std::string& text, int depth) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += std::string(static_cast<size_t>(2 * depth), ' ') + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return out;
}

StreamRows RowsOf(const PlanNode& node) { return {node.schema, GuessRows(node), BlockRows(*node.schema)}; }

std::string DiskLine(const Status& refused) { return "\n  disk: not known, and a run may be refused: " + refused.message(); }

std::string DiskLine(const Result<DiskTraffic>& traffic, const std::string& where) {
  if (!traffic.ok()) return DiskLine(traffic.status());
  return "\n  disk: " + (traffic->written == 0 ? "nothing, by estimate" : DescribeTraffic(*traffic) + where);
}

constexpr char kColumnsNotKnown[] = "\n  disk: not known before the columns are";

class StageWriter {
 public:
  StageWriter(std::shared_ptr<Engine> engine, const PlanPtr& plan, const ExecuteOptions& options)
      : engine_(std::move(engine)), options_(options), limit_(engine_->options().memory_limit_bytes),
        shares_(plan, limit_, options.memory_kept_bytes + BytesOfBatches(*plan, options.batch_rows, limit_)) {}

  Result<std::string> Describe(const PlanPtr& node, int depth) {
    if (IsFoldable(*node)) {
      ARROW_ASSIGN_OR_RAISE(const auto folded, FoldPlan(engine_, *node));
      std::optional<DescribedExchange> exchange;
      if (folded.shuffle != nullptr) exchange = DescribedExchange{shares_.exchange_bytes, std::nullopt};
      ARROW_ASSIGN_OR_RAISE(const auto text, DescribeExecution(*engine_, folded, OptionsAt(depth, *folded.program->output), exchange));
      return Indented(text, depth);
    }
    const bool sorts_scan = node->kind == Kind::kSort && IsFoldable(*node->input) && ShuffleOf(*node->input) == nullptr;
    if (sorts_scan) return DescribeSortedScan(*node, depth);
    if (IsFunctionNode(*node)) return DescribeFunctions(FuseNodes(node), depth);
    ARROW_ASSIGN_OR_RAISE(const auto line, Line(*node, depth));
    std::string text = Indented("  " + line, depth);
    const auto inputs = InputsOf(*node);
    for (const PlanPtr& input : inputs) {
      ARROW_ASSIGN_OR_RAISE(const auto below, Describe(input, depth + 1));
      text += below;
    }
    return text;
  }

 private:
  /// Rows go from the scan into the exchange as in a shuffle.
  Result<std::string> DescribeSortedScan(const PlanNode& node, int depth) {
    ARROW_ASSIGN_OR_RAISE(const auto folded, FoldPlan(engine_, *node.input, /*settle_limit=*/true));
    ARROW_ASSIGN_OR_RAISE(const auto columns, SortColumnsOf(node.sort_keys, *folded.program->output));
    const DescribedExchange exchange{shares_.exchange_bytes, columns};
    ARROW_ASSIGN_OR_RAISE(const auto text, DescribeExecution(*engine_, folded, OptionsAt(depth, *folded.program->output), exchange));
    return Indented(text, depth);
  }

  /// Below the top blocks are asked for.
  ExecuteOptions OptionsAt(int depth, const arrow::Schema& schema) const {
    ExecuteOptions options = options_;
    if (depth > 0) options.batch_rows = BlockRows(schema);
    return options;
  }

  /// Where the user's functions run; told again of those that are not as the first one is.
  std::string DescribeWorkers(const FusedNodes& fused) const {
    std::string first, text;
    for (const auto& nodes : fused.functions) {
      const PlanNode& node = *nodes.front();
      if (node.kind != Kind::kMap) continue;
      const std::string workers = node.function->DescribeWorkers(engine_->scheduler()->lanes());
      if (first.empty()) text = first = workers;
      else if (workers != first) text += "; " + node.function->name() + ": " + workers;
    }
    return text.empty() ? "on lanes" : text;
  }

  Result<std::string> DescribeFunctions(const FusedNodes& fused, int depth) {
    const PlanNode& lowest = *fused.functions.front().front();
    const int64_t rows = lowest.kind == Kind::kMap ? lowest.batch_rows : 0;
    const std::string cut = rows > 0 ? "batches of " + std::to_string(rows) + " rows" : rows == 0 ? "whole blocks" : "whole groups";
    const std::string workers = DescribeWorkers(fused);
    std::string line = NameOf(fused) + ": " + cut + ", " + workers;
    if (workers == "on lanes" && lowest.kind != Kind::kMap) {
      const bool is_one = fused.functions.size() == 1;
      line = "rows: " + (is_one ? fused.functions.front().back()->Describe() : NameOf(fused)) + ", on lanes";
    }
    ARROW_ASSIGN_OR_RAISE(const auto below, Describe(fused.input, depth + 1));
    return Indented("  " + line, depth) + below;
  }

  /// What goes to disk is an estimate: how many rows match is not known.
  Result<std::string> DescribeJoin(const PlanNode& node) const {
    const PlanNode& left = *node.input;
    const PlanNode& right = *node.others.front();
    const std::string in_memory = "join: " + Rows(right) + " of the right side held in memory, " + Rows(left) + " of the left pass by";
    const bool columns_known = left.schema != nullptr && right.schema != nullptr;
    if (!columns_known) return in_memory + "; where they do not fit, both sides are kept on disk and joined by their keys" + kColumnsNotKnown;
    const int64_t memory = shares_.exchange_bytes;
    const int64_t right_bytes = GuessRows(right) * RowBytesGuess(*right.schema);
    const int64_t key_bytes = GuessRows(right) * KeyBytes(*right.schema, node.join->right_keys);
    const bool fits = JoinTableBytes(right_bytes, key_bytes, GuessRows(right)) <= memory;
    if (fits && !engine_->options().always_spill) return in_memory + "\n  disk: nothing, by estimate";
    const std::string beyond = "join: " + Rows(right) + " of the right side do not fit the " + FormatBytes(memory) +
                               " for them: both sides are kept on disk and joined by their keys";
    const auto traffic = TrafficOfJoin(*engine_, RowsOf(left), RowsOf(right), *node.join, memory);
    if (!traffic.ok()) return beyond + DiskLine(traffic.status());
    return beyond + DiskLine(traffic->all(), ", if each row matches one:") + "\n    " + FormatBytes(traffic->rows.written) + " of rows, " +
           FormatBytes(traffic->keys.written) + " of keys, " + FormatBytes(traffic->pairs.written) + " of pairs" +
           (traffic->result.written > 0 ? ", " + FormatBytes(traffic->result.written) + " of these with the right's columns" : "") + " to be written";
  }

  static int64_t KeyBytes(const arrow::Schema& schema, const std::vector<std::string>& keys) {
    arrow::FieldVector fields;
    for (const std::string& key : keys) {
      if (auto field = schema.GetFieldByName(key)) fields.push_back(std::move(field));
    }
    return RowBytesGuess(arrow::Schema(std::move(fields)));
  }

  /// How many groups there are shows only when all rows have been read.
  Result<std::string> DescribeGroups(const PlanNode& node) const {
    const PlanNode& input = *node.input;
    if (node.group_keys.empty()) return "aggregate: " + Rows(input) + " into one group a lane\n  disk: nothing";
    const std::string line = "group: " + Rows(input) + " into a table a lane; groups that do not fit go through the exchange as partial states";
    if (input.schema == nullptr) return line + kColumnsNotKnown;
    ARROW_ASSIGN_OR_RAISE(const auto columns, GroupColumnsOf(node, *input.schema));
    ARROW_ASSIGN_OR_RAISE(const auto all, RowProgram::PassThrough(input.schema));
    const auto selected = RowProgram::Select(*all, columns.selected)->output;
    ARROW_ASSIGN_OR_RAISE(const auto table, GroupTable::Make(selected, columns.keys, columns.specs, arrow::default_memory_pool()));
    const auto traffic = TrafficOfGroups(*engine_, *table, static_cast<int64_t>(columns.keys.size()), GuessRows(input), shares_.exchange_bytes);
    if (!traffic.ok()) return line + DiskLine(traffic.status());
    if (traffic->most.written == 0) return line + "\n  disk: nothing, by estimate";
    return line + "\n  disk: nothing where the groups of each lane fit " + FormatBytes(traffic->table_bytes) + "; " + DescribeTraffic(traffic->most) +
           " if each row is a group of its own";
  }

  Result<std::string> DescribeSort(const PlanNode& node, int depth) const {
    const std::string line = std::string(node.kind == Kind::kSort ? "sort: " : "shuffle: ") + Rows(*node.input) + " into the exchange, in memory up to " +
                             FormatBytes(shares_.exchange_bytes) + ", spilled beyond";
    if (node.schema == nullptr) return line + kColumnsNotKnown;
    StreamSort sort{{}, shares_.exchange_bytes, depth > 0 ? BlockRows(*node.schema) : options_.batch_rows, 0};
    if (node.kind == Kind::kSort) ARROW_RETURN_NOT_OK(SortColumnsOf(node.sort_keys, *node.schema).Value(&sort.columns));
    const auto traffic = SortTraffic(*engine_, RowsOf(*node.input), sort);
    // Of two passes the first is cut by what the first rows tell.
    const bool may_be_cut_badly = node.kind == Kind::kSort && traffic.ok() && traffic->read > traffic->written;
    return line + DiskLine(traffic, may_be_cut_badly ? "; once more if the rows come nearly in this order" : "");
  }

  Result<std::string> DescribeRepartition(const PlanNode& node) const {
    const RepartitionSpec& spec = *node.repartition;
    const bool by_key = !spec.keys.empty();
    if (!by_key && (spec.block_rows > 0 || KnownRowCount(*node.input).has_value())) return std::string("blocks: cut in order");
    const std::string line = by_key ? "blocks: by hash of the keys, through the exchange"
                                    : "blocks: cut in order once all rows are in the exchange, to be counted";
    if (node.input->schema == nullptr) return line + kColumnsNotKnown;
    StreamRows rows = RowsOf(*node.input);
    StreamSort sort{{}, shares_.exchange_bytes, rows.batch_rows, 0};
    if (by_key) {
      auto fields = rows.schema->fields();
      fields.push_back(arrow::field("block", arrow::int32(), false));
      rows.schema = arrow::schema(std::move(fields));
      sort.columns.push_back(rows.schema->num_fields() - 1);
      for (const std::string& key : spec.sort ? spec.keys : std::vector<std::string>()) sort.columns.push_back(rows.schema->GetFieldIndex(key));
    }
    return line + DiskLine(SortTraffic(*engine_, rows, sort), "");
  }

  Result<std::string> Line(const PlanNode& node, int depth) const {
    switch (node.kind) {
      case Kind::kSort:
      case Kind::kShuffle:
        return DescribeSort(node, depth);
      case Kind::kAggregate:
        return DescribeGroups(node);
      case Kind::kJoin:
        return DescribeJoin(node);
      case Kind::kRepartition:
        return DescribeRepartition(node);
      case Kind::kUnion:
        return std::string("union: one input after the other");
      case Kind::kMix:
        return std::string("mix: in turns");
      case Kind::kZip:
        return std::string("zip: side by side");
      case Kind::kLimit:
        return "limit: " + std::to_string(node.limit) + " rows" + (node.offset > 0 ? " from row " + std::to_string(node.offset) : "") + ", then the readers stop";
      default:
        return "rows: " + node.Describe() + ", on lanes";
    }
  }

  const std::shared_ptr<Engine> engine_;
  const ExecuteOptions options_;
  const int64_t limit_;
  const MemoryShares shares_;
};

}  // namespace

int64_t GuessRows(const PlanNode& node) {
  const auto known = KnownRowCount(node);
  if (known.has_value()) return *known;
  if (node.kind == Kind::kReadFiles) return node.format->rows_guess();
  if (node.kind == Kind::kMap && node.function->rows_expected() >= 0) return node.function->rows_expected();
  int64_t rows = 0;
  for (const PlanPtr& input : InputsOf(node)) rows += GuessRows(*input);
  return rows;
}

Result<std::string> DescribeStages(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options) {
  return StageWriter(engine, plan, options).Describe(plan, 0);
}

}  // namespace millstream
