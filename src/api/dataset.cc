#include "millstream/dataset.h"

#include <arrow/table.h>

#include <algorithm>

#include "format/parquet/parquet_dataset.h"
#include "ingest/execute.h"
#include "ops/table_source.h"
#include "plan/blocks.h"
#include "plan/near_names.h"
#include "plan/read_parquet.h"

namespace millstream {
namespace {

NamedExpressions AllColumns(const arrow::Schema& schema) {
  NamedExpressions columns;
  for (const auto& field : schema.fields()) columns.emplace_back(field->name(), ColumnExpression(field->name()));
  return columns;
}

Result<NamedExpressions> TheseColumns(const arrow::Schema& schema, const std::vector<std::string>& names) {
  NamedExpressions columns;
  for (const std::string& name : names) {
    if (schema.GetFieldIndex(name) < 0) return UnknownColumn(name, schema);
    columns.emplace_back(name, ColumnExpression(name));
  }
  return columns;
}

Status CheckBatch(const arrow::RecordBatch& batch, const arrow::Schema& schema) {
  if (!batch.schema()->Equals(schema)) {
    return MakeError(ErrorKind::kInvalidArgument, "a batch has the schema\n" + batch.schema()->ToString() + "\nwhere the data set has\n" + schema.ToString());
  }
  return WithContext(batch.ValidateFull(), "the Arrow data given is not valid");
}

/// The plan without its shuffles, which change no count, and without columns.
Result<PlanPtr> CountingPlan(const PlanPtr& plan) {
  if (plan->input == nullptr) return plan;
  ARROW_ASSIGN_OR_RAISE(auto input, CountingPlan(plan->input));
  switch (plan->kind) {
    case PlanNode::Kind::kFilter:
      return FilterPlan(std::move(input), plan->filter);
    case PlanNode::Kind::kProject:
      return ProjectPlan(std::move(input), plan->columns);
    case PlanNode::Kind::kLimit:
      return LimitPlan(std::move(input), plan->limit);
    case PlanNode::Kind::kShuffle:
      return input;
    default:
      return plan;
  }
}

/// Calls `use` with every batch of epoch 0.
template <typename Use>
Status ForEachBatch(const std::shared_ptr<Engine>& engine, const PlanPtr& plan, Use&& use) {
  ExecuteOptions options;
  options.batch_rows = 64 << 10;
  ARROW_ASSIGN_OR_RAISE(auto stream, Execute(engine, plan, options));
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(auto batch, stream->Next(nullptr));
    if (batch.data == nullptr) return Status::OK();
    use(std::move(batch.data));
  }
}

}  // namespace

Dataset::Dataset(Context context, std::shared_ptr<const PlanNode> plan) : context_(std::move(context)), plan_(std::move(plan)) {}

Result<Dataset> Dataset::ReadParquet(const Context& context, const std::vector<std::string>& paths, const ReadParquetOptions& options) {
  const Engine& engine = *context.engine_;
  const auto columns = options.columns.empty() ? std::nullopt : std::optional(options.columns);
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadParquetPlan(engine.env(), engine.scheduler().get(), paths, columns));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::FromTable(const Context& context, const arrow::Table& table) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  ARROW_ASSIGN_OR_RAISE(batches, arrow::TableBatchReader(table).ToRecordBatches());
  return FromBatches(context, table.schema(), std::move(batches));
}

Result<Dataset> Dataset::FromBatches(const Context& context, std::shared_ptr<arrow::Schema> schema,
                                     std::vector<std::shared_ptr<arrow::RecordBatch>> batches) {
  for (const auto& batch : batches) ARROW_RETURN_NOT_OK(CheckBatch(*batch, *schema));
  ARROW_ASSIGN_OR_RAISE(auto source, MakeTableSource(std::move(schema), std::move(batches)));
  return Dataset(context, SourcePlan("FromArrow", std::move(source)));
}

Result<Dataset> Dataset::Range(const Context& context, int64_t rows, int64_t blocks) {
  if (rows < 0 || blocks < 1) return MakeError(ErrorKind::kInvalidArgument, "a range has at least 0 rows in at least 1 block");
  ARROW_ASSIGN_OR_RAISE(auto source, MakeRangeSource(rows));
  return Dataset(context, SourcePlan("Range", std::move(source), nullptr, std::min(blocks, kBlocksMax)));
}

Result<Dataset> Dataset::Filter(const Expr& condition) const {
  ARROW_ASSIGN_OR_RAISE(auto plan, FilterPlan(plan_, condition.tree()));
  return Dataset(context_, std::move(plan));
}

Result<Dataset> Dataset::Project(const std::vector<std::pair<std::string, Expr>>& columns) const {
  NamedExpressions named;
  for (const auto& [name, value] : columns) named.emplace_back(name, value.tree());
  ARROW_ASSIGN_OR_RAISE(auto plan, ProjectPlan(plan_, std::move(named)));
  return Dataset(context_, std::move(plan));
}

Result<Dataset> Dataset::SelectColumns(const std::vector<std::string>& names) const {
  ARROW_ASSIGN_OR_RAISE(auto columns, TheseColumns(*schema(), names));
  ARROW_ASSIGN_OR_RAISE(auto plan, ProjectPlan(plan_, std::move(columns)));
  return Dataset(context_, std::move(plan));
}

Result<Dataset> Dataset::DropColumns(const std::vector<std::string>& names) const {
  ARROW_RETURN_NOT_OK(TheseColumns(*schema(), names).status());
  NamedExpressions columns = AllColumns(*schema());
  std::erase_if(columns, [&](const auto& column) { return std::find(names.begin(), names.end(), column.first) != names.end(); });
  ARROW_ASSIGN_OR_RAISE(auto plan, ProjectPlan(plan_, std::move(columns)));
  return Dataset(context_, std::move(plan));
}

Result<Dataset> Dataset::RenameColumns(const std::vector<std::pair<std::string, std::string>>& names) const {
  NamedExpressions columns = AllColumns(*schema());
  for (const auto& [old_name, new_name] : names) {
    const int field = schema()->GetFieldIndex(old_name);
    if (field < 0) return UnknownColumn(old_name, *schema());
    columns[field].first = new_name;
  }
  ARROW_ASSIGN_OR_RAISE(auto plan, ProjectPlan(plan_, std::move(columns)));
  return Dataset(context_, std::move(plan));
}

Result<Dataset> Dataset::WithColumn(const std::string& name, const Expr& value) const {
  NamedExpressions columns = AllColumns(*schema());
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.first == name; });
  if (found == columns.end()) {
    columns.emplace_back(name, value.tree());
  } else {
    found->second = value.tree();
  }
  ARROW_ASSIGN_OR_RAISE(auto plan, ProjectPlan(plan_, std::move(columns)));
  return Dataset(context_, std::move(plan));
}

Result<Dataset> Dataset::Limit(int64_t rows) const {
  ARROW_ASSIGN_OR_RAISE(auto plan, LimitPlan(plan_, rows));
  return Dataset(context_, std::move(plan));
}

Dataset Dataset::RandomShuffle(const RandomSeedConfig& seed) const {
  SeedKind kind = SeedKind::kUnset;
  if (seed.seed.has_value()) kind = seed.reseed_after_execution ? SeedKind::kPerExecution : SeedKind::kFixed;
  return Dataset(context_, ShufflePlanNode(plan_, kind, seed.seed.value_or(0)));
}

const std::shared_ptr<arrow::Schema>& Dataset::schema() const { return plan_->schema; }

Result<int64_t> Dataset::Count() const {
  if (const auto known = KnownRowCount(*plan_)) return *known;
  ARROW_ASSIGN_OR_RAISE(auto plan, CountingPlan(plan_));
  ARROW_ASSIGN_OR_RAISE(plan, ProjectPlan(std::move(plan), {}));
  int64_t rows = 0;
  ARROW_RETURN_NOT_OK(ForEachBatch(context_.engine_, plan, [&](std::shared_ptr<arrow::RecordBatch> batch) { rows += batch->num_rows(); }));
  return rows;
}

int64_t Dataset::NumBlocks() const { return static_cast<int64_t>(BlockStarts(SourceOf(*plan_)).size()) - 1; }

std::vector<std::string> Dataset::InputFiles() const {
  std::vector<std::string> paths;
  const auto& parquet = SourceOf(*plan_).parquet;
  if (parquet == nullptr) return paths;
  for (const ListedFile& file : parquet->files()) paths.push_back(file.path);
  return paths;
}

Result<std::string> Dataset::Explain() const { return DescribePlan(*plan_); }

DataIterator Dataset::Iterator() const { return DataIterator(context_, plan_); }

Result<std::shared_ptr<arrow::Table>> Dataset::ToTable() const {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  ARROW_RETURN_NOT_OK(ForEachBatch(context_.engine_, plan_, [&](std::shared_ptr<arrow::RecordBatch> batch) { batches.push_back(std::move(batch)); }));
  return arrow::Table::FromRecordBatches(schema(), std::move(batches));
}

}  // namespace millstream
