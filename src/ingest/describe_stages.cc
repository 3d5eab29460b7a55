#include "ingest/describe_stages.h"

#include <algorithm>

#include "base/bytes.h"
#include "exchange/join_table.h"
#include "format/parquet/parquet_writer.h"
#include "ingest/describe_execution.h"
#include "ingest/fold_plan.h"
#include "ingest/fused_nodes.h"
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

/// Of two numbers: a hash and a row, or two rows.
constexpr int64_t kJoinNumbersBytes = 16;

class StageWriter {
 public:
  StageWriter(std::shared_ptr<Engine> engine, const ExecuteOptions& options) : engine_(std::move(engine)), options_(options) {}

  Result<std::string> Describe(const PlanPtr& node, int depth) {
    if (IsFoldable(*node)) {
      ARROW_ASSIGN_OR_RAISE(const auto folded, FoldPlan(engine_, *node));
      ARROW_ASSIGN_OR_RAISE(const auto text, DescribeExecution(*engine_, folded, options_));
      return Indented(text, depth);
    }
    const bool sorts_scan = node->kind == Kind::kSort && IsFoldable(*node->input) && ShuffleOf(*node->input) == nullptr;
    if (sorts_scan) return DescribeSortedScan(*node, depth);
    if (IsFunctionNode(*node)) return DescribeFunctions(FuseNodes(node), depth);
    std::string text = Indented("  " + Line(*node), depth);
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
    ARROW_ASSIGN_OR_RAISE(const auto text, DescribeExecution(*engine_, folded, options_, columns));
    return Indented(text, depth);
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

  /// What goes through the exchange is an estimate: how many rows match is not known.
  std::string DescribeJoin(const PlanNode& node) const {
    const PlanNode& left = *node.input;
    const PlanNode& right = *node.others.front();
    const int64_t limit = engine_->options().memory_limit_bytes;
    const std::string in_memory = "join: " + Rows(right) + " of the right side held in memory, " + Rows(left) + " of the left pass by";
    if (left.schema == nullptr || right.schema == nullptr) return in_memory + "; where they do not fit, both go through the exchange";
    const int64_t left_bytes = GuessRows(left) * RowBytesGuess(*left.schema);
    const int64_t right_bytes = GuessRows(right) * RowBytesGuess(*right.schema);
    const int64_t key_bytes = GuessRows(right) * KeyBytes(*right.schema, node.join->right_keys);
    const bool fits = JoinTableBytes(right_bytes, key_bytes, GuessRows(right)) <= limit / 4 * 3;
    if (fits && !engine_->options().always_spill) return in_memory;
    const int64_t matched = std::max(GuessRows(left), GuessRows(right));
    const bool gives_left = GivesLeft(node.join->type), gives_right = GivesRight(node.join->type);
    const int64_t kept = (gives_right ? 0 : left_bytes) + (gives_left ? 0 : right_bytes);
    const int64_t keys = key_bytes + GuessRows(left) * KeyBytes(*left.schema, node.join->left_keys) + (GuessRows(left) + GuessRows(right)) * kJoinNumbersBytes;
    const int64_t pairs = matched * (gives_left || gives_right ? kJoinNumbersBytes : 2 * kJoinNumbersBytes + RowBytesGuess(*right.schema));
    return "join: " + Rows(right) + " of the right side do not fit the limit of " + FormatBytes(limit) + ": rows are kept on disk, about " + FormatBytes(kept) +
           " written and read back once; keys, pairs" + (gives_left || gives_right ? "" : " and rows of the right that matched") + " go through the exchange, about " +
           FormatBytes(keys + pairs) + " if each row matches one";
  }

  static int64_t KeyBytes(const arrow::Schema& schema, const std::vector<std::string>& keys) {
    arrow::FieldVector fields;
    for (const std::string& key : keys) {
      if (auto field = schema.GetFieldByName(key)) fields.push_back(std::move(field));
    }
    return RowBytesGuess(arrow::Schema(std::move(fields)));
  }

  std::string Line(const PlanNode& node) const {
    const std::string limit = FormatBytes(engine_->options().memory_limit_bytes);
    switch (node.kind) {
      case Kind::kSort:
      case Kind::kShuffle:
        return (node.kind == Kind::kSort ? "sort: " : "shuffle: ") + Rows(*node.input) + " into the exchange, in memory up to the limit of " + limit + ", spilled beyond";
      case Kind::kAggregate:
        return (node.group_keys.empty() ? "aggregate: " : "group: ") + Rows(*node.input) + " into a table a lane" +
               (node.group_keys.empty() ? "" : "; groups that do not fit the limit of " + limit + " go through the exchange as partial states");
      case Kind::kJoin:
        return DescribeJoin(node);
      case Kind::kRepartition:
        return "blocks: " + std::string(node.repartition->keys.empty() ? "cut in order" : "by hash of the keys, through the exchange");
      case Kind::kUnion:
        return "union: one input after the other";
      case Kind::kMix:
        return "mix: in turns";
      case Kind::kZip:
        return "zip: side by side";
      case Kind::kLimit:
        return "limit: " + std::to_string(node.limit) + " rows" + (node.offset > 0 ? " from row " + std::to_string(node.offset) : "") + ", then the readers stop";
      default:
        return "rows: " + node.Describe() + ", on lanes";
    }
  }

  const std::shared_ptr<Engine> engine_;
  const ExecuteOptions options_;
};

}  // namespace

int64_t GuessRows(const PlanNode& node) {
  const auto known = KnownRowCount(node);
  if (known.has_value()) return *known;
  if (node.kind == Kind::kMap && node.function->rows_expected() >= 0) return node.function->rows_expected();
  int64_t rows = 0;
  for (const PlanPtr& input : InputsOf(node)) rows += GuessRows(*input);
  return rows;
}

Result<std::string> DescribeStages(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, const ExecuteOptions& options) {
  return StageWriter(engine, options).Describe(plan, 0);
}

}  // namespace millstream
