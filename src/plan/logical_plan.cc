#include "plan/logical_plan.h"

#include <algorithm>

#include "ops/row_program.h"

namespace millstream {
namespace {

constexpr size_t kColumnsShownMax = 8;

std::shared_ptr<PlanNode> NodeOn(PlanNode::Kind kind, PlanPtr input) {
  auto node = std::make_shared<PlanNode>();
  node->kind = kind;
  node->schema = input->schema;
  node->input = std::move(input);
  return node;
}

std::string DescribeColumns(const NamedExpressions& columns) {
  std::string text;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) text += ", ";
    if (i == kColumnsShownMax) return text + "… " + std::to_string(columns.size() - i) + " more";
    const std::string expression = columns[i].second->ToString();
    text += expression == columns[i].first ? expression : expression + " as " + columns[i].first;
  }
  return text;
}

std::string DescribeSeed(SeedKind kind, uint64_t seed) {
  switch (kind) {
    case SeedKind::kFixed:
      return "seed=" + std::to_string(seed);
    case SeedKind::kPerExecution:
      return "seed=" + std::to_string(seed) + ", a new order each epoch";
    default:
      return "seed drawn at first use, a new order each epoch";
  }
}

}  // namespace

std::string PlanNode::Describe() const {
  switch (kind) {
    case Kind::kSource:
      if (parquet == nullptr) return source_name + "[" + std::to_string(schema->num_fields()) + " columns]";
      return source_name + "[" + std::to_string(parquet->files().size()) + " files, " + std::to_string(parquet->tasks().size()) + " row groups, " +
             std::to_string(parquet->num_rows()) + " rows]";
    case Kind::kFilter:
      return "Filter[" + filter->ToString() + "]";
    case Kind::kProject:
      return "Project[" + DescribeColumns(columns) + "]";
    case Kind::kLimit:
      return "Limit[" + std::to_string(limit) + "]";
    default:
      return "RandomShuffle[" + DescribeSeed(seed_kind, seed) + "]";
  }
}

PlanPtr SourcePlan(std::string name, std::shared_ptr<const ScanSource> source, std::shared_ptr<const ParquetDataset> parquet, int64_t blocks) {
  auto node = std::make_shared<PlanNode>();
  node->schema = source->schema();
  node->source = std::move(source);
  node->source_name = std::move(name);
  node->parquet = std::move(parquet);
  node->blocks = blocks;
  return node;
}

Result<PlanPtr> FilterPlan(PlanPtr input, ExpressionPtr filter) {
  ARROW_RETURN_NOT_OK(RowProgram::Make(input->schema, filter, {}).status());
  auto node = NodeOn(PlanNode::Kind::kFilter, std::move(input));
  node->filter = std::move(filter);
  return node;
}

Result<PlanPtr> ProjectPlan(PlanPtr input, NamedExpressions columns) {
  ARROW_ASSIGN_OR_RAISE(const auto program, RowProgram::Make(input->schema, nullptr, columns));
  for (size_t i = 0; i < columns.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (columns[i].first == columns[j].first) return MakeError(ErrorKind::kInvalidArgument, "two columns would be named '" + columns[i].first + "'");
    }
  }
  auto node = NodeOn(PlanNode::Kind::kProject, std::move(input));
  node->schema = program->output;
  node->columns = std::move(columns);
  return node;
}

Result<PlanPtr> LimitPlan(PlanPtr input, int64_t limit) {
  if (limit < 0) return MakeError(ErrorKind::kInvalidArgument, "limit must not be negative, got " + std::to_string(limit));
  auto node = NodeOn(PlanNode::Kind::kLimit, std::move(input));
  node->limit = limit;
  return node;
}

PlanPtr ShufflePlanNode(PlanPtr input, SeedKind kind, uint64_t seed) {
  auto node = NodeOn(PlanNode::Kind::kShuffle, std::move(input));
  node->seed_kind = kind;
  node->seed = seed;
  return node;
}

const PlanNode& SourceOf(const PlanNode& plan) {
  const PlanNode* node = &plan;
  while (node->input != nullptr) node = node->input.get();
  return *node;
}

const PlanNode* ShuffleOf(const PlanNode& plan) {
  for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) {
    if (node->kind == PlanNode::Kind::kShuffle) return node;
  }
  return nullptr;
}

std::optional<int64_t> KnownRowCount(const PlanNode& plan) {
  if (plan.kind == PlanNode::Kind::kSource) {
    int64_t rows = 0;
    for (const ScanTask& task : plan.source->tasks()) rows += task.rows;
    return rows;
  }
  if (plan.kind == PlanNode::Kind::kFilter) return std::nullopt;
  auto rows = KnownRowCount(*plan.input);
  if (plan.kind == PlanNode::Kind::kLimit && rows.has_value()) rows = std::min(*rows, plan.limit);
  return rows;
}

std::string DescribePlan(const PlanNode& plan) {
  std::string text;
  for (const PlanNode* node = &plan; node != nullptr; node = node->input.get()) text += node->Describe() + "\n";
  return text;
}

}  // namespace millstream
