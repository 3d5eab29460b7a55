#include "millstream/dataset.h"

#include <arrow/table.h>

#include <algorithm>

#include "api/plan_runs.h"
#include "api/trees.h"
#include "exec/engine.h"
#include "format/parquet/parquet_dataset.h"
#include "format/parquet/parquet_writer.h"
#include "ingest/write_files.h"
#include "ops/table_source.h"
#include "plan/blocks.h"

namespace millstream {
namespace {

Status CheckBatch(const arrow::RecordBatch& batch, const arrow::Schema& schema) {
  if (!batch.schema()->Equals(schema)) {
    return MakeError(ErrorKind::kInvalidArgument, "a batch has the schema\n" + batch.schema()->ToString() + "\nwhere the data set has\n" + schema.ToString());
  }
  return WithContext(batch.ValidateFull(), "the Arrow data given is not valid");
}

ColumnChange ChangeOf(ColumnChange::Kind kind, std::vector<std::string> names) {
  ColumnChange change;
  change.kind = kind;
  change.names = std::move(names);
  return change;
}

Result<WriteFilesOptions> WritingOf(const WriteOptions& options, const PlanNode& plan) {
  if (options.row_group_size < 0 || options.min_rows_per_file < 0 || options.max_rows_per_file < 0) {
    return MakeError(ErrorKind::kInvalidArgument, "rows of a row group or file must not be negative");
  }
  if (options.max_rows_per_file > 0 && options.min_rows_per_file > options.max_rows_per_file) {
    return MakeError(ErrorKind::kInvalidArgument, "min_rows_per_file (" + std::to_string(options.min_rows_per_file) + ") is more than max_rows_per_file (" +
                                                      std::to_string(options.max_rows_per_file) + ")");
  }
  WriteFilesOptions writing;
  writing.seed = SeedOf(plan);
  ARROW_ASSIGN_OR_RAISE(const auto compression, ParseCompression(options.compression, ParquetCompressions()));
  writing.format = std::make_shared<ParquetWriteFormat>(ParquetWriterOptions{compression, options.row_group_size});
  writing.file_rows_min = options.min_rows_per_file;
  writing.file_rows_max = options.max_rows_per_file;
  writing.mode = options.mode;
  return writing;
}

}  // namespace

Dataset::Dataset(Context context, Plan plan) : context_(std::move(context)), plan_(std::move(plan)) {}

Result<Dataset> Dataset::With(Result<Plan> plan) const {
  ARROW_RETURN_NOT_OK(plan.status());
  return Dataset(context_, std::move(*plan));
}

// ---- sources: those of files are in read_files.cc ----
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
  return Dataset(context, SourcePlan("Range", std::move(source), std::min(blocks, kBlocksMax)));
}

// ---- rows and columns ----
Result<Dataset> Dataset::Filter(const Expr& condition) const {
  ARROW_RETURN_NOT_OK(condition.status());
  return With(FilterPlan(plan_, condition.tree()));
}

Result<Dataset> Dataset::Project(const std::vector<std::pair<std::string, Expr>>& columns) const {
  ARROW_ASSIGN_OR_RAISE(auto trees, TreesOf(columns));
  return With(ProjectPlan(plan_, std::move(trees)));
}

Result<Dataset> Dataset::SelectColumns(const std::vector<std::string>& names) const {
  return With(ChangeColumnsPlan(plan_, ChangeOf(ColumnChange::Kind::kSelect, names)));
}

Result<Dataset> Dataset::DropColumns(const std::vector<std::string>& names) const {
  return With(ChangeColumnsPlan(plan_, ChangeOf(ColumnChange::Kind::kDrop, names)));
}

Result<Dataset> Dataset::RenameColumns(const std::vector<std::pair<std::string, std::string>>& names) const {
  ColumnChange change = ChangeOf(ColumnChange::Kind::kRename, {});
  for (const auto& [old_name, new_name] : names) {
    change.names.push_back(old_name);
    change.new_names.push_back(new_name);
  }
  return With(ChangeColumnsPlan(plan_, std::move(change)));
}

Result<Dataset> Dataset::WithColumn(const std::string& name, const Expr& value) const { return WithColumns({{name, value}}); }

Result<Dataset> Dataset::WithColumns(const std::vector<std::pair<std::string, Expr>>& columns) const {
  ColumnChange change = ChangeOf(ColumnChange::Kind::kSet, {});
  ARROW_ASSIGN_OR_RAISE(change.columns, TreesOf(columns));
  return With(ChangeColumnsPlan(plan_, std::move(change)));
}

Result<Dataset> Dataset::Limit(int64_t rows) const { return With(LimitPlan(plan_, rows)); }

// ---- looking at it ----
const std::shared_ptr<arrow::Schema>& Dataset::schema() const { return plan_->schema; }

Result<std::shared_ptr<arrow::Schema>> Dataset::FetchSchema() const { return SchemaOf(context_.engine_, plan_); }

Result<int64_t> Dataset::Count() const { return CountRows(context_.engine_, plan_); }

int64_t Dataset::NumBlocks() const { return millstream::NumBlocks(*plan_); }

std::vector<std::string> Dataset::InputFiles() const {
  std::vector<std::string> paths;
  for (const PlanNode* source : SourcesOf(*plan_)) {
    if (source->files == nullptr) continue;
    for (const ListedFile& file : *source->files) paths.push_back(file.path);
  }
  return paths;
}

Result<std::string> Dataset::Explain(const ExplainOptions& options) const {
  ExecuteOptions execute;
  execute.batch_rows = options.batch_size;
  ARROW_ASSIGN_OR_RAISE(const auto execution, ExplainExecution(context_.engine_, plan_, execute));
  std::string text = DescribePlan(*plan_) + execution;
  if (!text.ends_with('\n')) text += '\n';
  if (!options.analyze) return text;
  ARROW_ASSIGN_OR_RAISE(const auto table, AnalyzeRun(context_.engine_, plan_, options.batch_size));
  return text + table;
}

// ---- its rows ----
DataIterator Dataset::Iterator() const { return DataIterator(context_, plan_); }

Result<std::shared_ptr<arrow::Table>> Dataset::ToTable() const { return TableOf(context_.engine_, plan_); }

Result<Dataset> Dataset::Materialize() const {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  ARROW_ASSIGN_OR_RAISE(auto schema, ForEachBatch(context_.engine_, plan_, [&](auto batch) { batches.push_back(std::move(batch)); }));
  ARROW_ASSIGN_OR_RAISE(auto source, MakeTableSource(std::move(schema), std::move(batches)));
  return Dataset(context_, SourcePlan("Materialized", std::move(source)));
}

Result<std::vector<FileReport>> Dataset::WriteParquet(const std::string& directory, const WriteOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto writing, WritingOf(options, *plan_));
  ARROW_ASSIGN_OR_RAISE(const auto files, WriteFiles(context_.engine_, plan_, directory, writing));
  std::vector<FileReport> reports;
  for (const WrittenFile& file : files) reports.push_back({file.path, file.rows, file.bytes});
  return reports;
}

}  // namespace millstream
