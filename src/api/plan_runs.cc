#include "api/plan_runs.h"

#include <arrow/table.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "env/env.h"
#include "exec/engine.h"
#include "plan/shuffle_seeds.h"

namespace millstream {
namespace {

constexpr int64_t kRowsOfABatch = 64 << 10;

/// The plan without what changes no count: shuffles and sorts, unless a limit below a filter makes them decide which rows are there.
PlanPtr CountingPlan(const PlanPtr& plan, bool below_filter = false) {
  switch (plan->kind) {
    case PlanNode::Kind::kShuffle:
    case PlanNode::Kind::kSort:
      return CountingPlan(plan->input, below_filter);
    case PlanNode::Kind::kLimit:
      if (below_filter) return plan;
      [[fallthrough]];
    case PlanNode::Kind::kFilter:
    case PlanNode::Kind::kProject: {
      auto node = std::make_shared<PlanNode>(*plan);
      node->input = CountingPlan(plan->input, below_filter || plan->kind == PlanNode::Kind::kFilter);
      return node;
    }
    default:
      return plan;
  }
}

Result<std::unique_ptr<BatchStream>> OpenOnce(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, int64_t batch_rows) {
  ExecuteOptions options;
  options.seed = SeedOf(*plan);
  options.batch_rows = batch_rows;
  return Execute(engine, plan, options);
}

Status Drain(BatchStream* stream, const std::function<void(std::shared_ptr<arrow::RecordBatch>)>& use) {
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(auto batch, stream->Next(nullptr));
    if (batch.data == nullptr) return Status::OK();
    if (use) use(std::move(batch.data));
  }
}

using Row = std::array<std::string, 7>;

std::string Seconds(int64_t nanoseconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", static_cast<double>(nanoseconds) * 1e-9);
  return text;
}

Row RowOf(const StageStatistics& stage) {
  return {stage.name,
          std::to_string(stage.rows),
          Seconds(stage.cpu_nanoseconds),
          Seconds(stage.wait_in_nanoseconds),
          Seconds(stage.wait_out_nanoseconds),
          std::to_string(stage.spilled_bytes),
          std::to_string(stage.peak_memory_bytes)};
}

/// Names to the left, figures to the right.
std::string FormatTable(const std::vector<Row>& rows) {
  std::array<size_t, std::tuple_size_v<Row>> widths = {};
  for (const Row& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) widths[column] = std::max(widths[column], row[column].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      const std::string fill(widths[column] - row[column].size(), ' ');
      text += column == 0 ? row[column] + fill : "  " + fill + row[column];
    }
    text += '\n';
  }
  return text;
}

}  // namespace

uint64_t SeedOrDrawn(const std::optional<uint64_t>& seed) { return seed.has_value() ? *seed : RealEnv()->RandomSeed(); }

uint64_t SeedOf(const PlanNode& plan) { return RunSeedOf(plan).value_or(RunSeed{}).seed; }

Result<std::shared_ptr<arrow::Schema>> ForEachBatch(const std::shared_ptr<Engine>& engine, const PlanPtr& plan,
                                                    const std::function<void(std::shared_ptr<arrow::RecordBatch>)>& use) {
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenOnce(engine, plan, kRowsOfABatch));
  ARROW_RETURN_NOT_OK(Drain(stream.get(), use));
  return stream->schema();
}

Result<std::shared_ptr<arrow::Table>> TableOf(const std::shared_ptr<Engine>& engine, const PlanPtr& plan) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  ARROW_ASSIGN_OR_RAISE(auto schema, ForEachBatch(engine, plan, [&](auto batch) { batches.push_back(std::move(batch)); }));
  return arrow::Table::FromRecordBatches(std::move(schema), std::move(batches));
}

Result<int64_t> CountRows(const std::shared_ptr<Engine>& engine, const PlanPtr& plan) {
  if (const auto known = KnownRowCount(*plan)) return *known;
  ARROW_ASSIGN_OR_RAISE(const auto counting, ProjectPlan(CountingPlan(plan), {}));
  int64_t rows = 0;
  ARROW_RETURN_NOT_OK(ForEachBatch(engine, counting, [&](auto batch) { rows += batch->num_rows(); }).status());
  return rows;
}

Result<std::shared_ptr<arrow::Schema>> SchemaOf(const std::shared_ptr<Engine>& engine, const PlanPtr& plan) {
  if (plan->schema != nullptr) return plan->schema;
  ARROW_ASSIGN_OR_RAISE(const auto first, LimitPlan(plan, 1));
  return ForEachBatch(engine, first, nullptr);
}

Result<std::string> AnalyzeRun(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, int64_t batch_rows) {
  ARROW_ASSIGN_OR_RAISE(auto stream, OpenOnce(engine, plan, batch_rows));
  int64_t rows = 0, batches = 0;
  ARROW_RETURN_NOT_OK(Drain(stream.get(), [&](auto batch) {
    rows += batch->num_rows();
    ++batches;
  }));
  std::vector<Row> table = {{"stage", "rows", "CPU s", "wait in s", "wait out s", "spilled bytes", "peak bytes"}};
  for (const StageStatistics* stage : stream->stages()) table.push_back(RowOf(*stage));
  return std::to_string(rows) + " rows in " + std::to_string(batches) + " batches\n" + FormatTable(table);
}

}  // namespace millstream
