#include "millstream/grouped_data.h"

#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/table.h>

#include <algorithm>

#include "api/batch_functions.h"
#include "api/plan_runs.h"
#include "api/trees.h"
#include "millstream/dataset.h"

namespace millstream {

GroupedData::GroupedData(Context context, std::shared_ptr<const PlanNode> plan, std::vector<std::string> keys)
    : context_(std::move(context)), plan_(std::move(plan)), keys_(std::move(keys)) {}

Result<Dataset> GroupedData::Aggregate(const std::vector<AggregateFn>& aggregates) const {
  ARROW_ASSIGN_OR_RAISE(auto wanted, AggregatesOf(aggregates));
  ARROW_ASSIGN_OR_RAISE(auto plan, AggregatePlan(plan_, keys_, std::move(wanted)));
  return Dataset(context_, std::move(plan));
}

Result<std::vector<std::string>> GroupedData::ColumnsOr(const std::vector<std::string>& columns) const {
  if (!columns.empty()) return columns;
  ARROW_ASSIGN_OR_RAISE(const auto schema, SchemaOf(context_.engine_, plan_));
  auto names = schema->field_names();
  std::erase_if(names, [&](const std::string& name) { return std::find(keys_.begin(), keys_.end(), name) != keys_.end(); });
  if (names.empty()) return MakeError(ErrorKind::kInvalidArgument, "there is no column to aggregate beside the keys");
  return names;
}

Result<Dataset> GroupedData::Each(AggregateFn (*aggregate)(const std::string&), const std::vector<std::string>& columns) const {
  ARROW_ASSIGN_OR_RAISE(const auto names, ColumnsOr(columns));
  std::vector<AggregateFn> aggregates;
  for (const std::string& name : names) aggregates.push_back(aggregate(name));
  return Aggregate(aggregates);
}

Result<Dataset> GroupedData::Count() const { return Aggregate({millstream::Count()}); }

Result<Dataset> GroupedData::Sum(const std::vector<std::string>& columns) const {
  return Each([](const std::string& column) { return millstream::Sum(column); }, columns);
}
Result<Dataset> GroupedData::Min(const std::vector<std::string>& columns) const {
  return Each([](const std::string& column) { return millstream::Min(column); }, columns);
}
Result<Dataset> GroupedData::Max(const std::vector<std::string>& columns) const {
  return Each([](const std::string& column) { return millstream::Max(column); }, columns);
}
Result<Dataset> GroupedData::Mean(const std::vector<std::string>& columns) const {
  return Each([](const std::string& column) { return millstream::Mean(column); }, columns);
}

Result<Dataset> GroupedData::Std(const std::vector<std::string>& columns, int ddof) const {
  ARROW_ASSIGN_OR_RAISE(const auto names, ColumnsOr(columns));
  std::vector<AggregateFn> aggregates;
  for (const std::string& name : names) aggregates.push_back(millstream::Std(name, ddof));
  return Aggregate(aggregates);
}

Result<Dataset> GroupedData::MapGroups(MapFunction function, const MapOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(auto made, FunctionOfGroups("MapGroups", std::move(function), options));
  ARROW_ASSIGN_OR_RAISE(auto plan, MapGroupsPlan(plan_, keys_, std::move(made)));
  return Dataset(context_, std::move(plan));
}

// ---- of all rows ----
GroupedData Dataset::GroupBy(std::vector<std::string> keys) const { return GroupedData(context_, plan_, std::move(keys)); }

Result<std::shared_ptr<arrow::RecordBatch>> Dataset::Aggregate(const std::vector<AggregateFn>& aggregates) const {
  ARROW_ASSIGN_OR_RAISE(const auto aggregated, GroupBy({}).Aggregate(aggregates));
  ARROW_ASSIGN_OR_RAISE(const auto table, aggregated.ToTable());
  return table->CombineChunksToBatch();
}

Result<std::shared_ptr<arrow::Scalar>> Dataset::Single(const AggregateFn& aggregate) const {
  ARROW_ASSIGN_OR_RAISE(const auto row, Aggregate({aggregate}));
  return row->column(0)->GetScalar(0);
}

Result<std::shared_ptr<arrow::Scalar>> Dataset::Sum(const std::string& column) const { return Single(millstream::Sum(column)); }
Result<std::shared_ptr<arrow::Scalar>> Dataset::Min(const std::string& column) const { return Single(millstream::Min(column)); }
Result<std::shared_ptr<arrow::Scalar>> Dataset::Max(const std::string& column) const { return Single(millstream::Max(column)); }
Result<std::shared_ptr<arrow::Scalar>> Dataset::Mean(const std::string& column) const { return Single(millstream::Mean(column)); }
Result<std::shared_ptr<arrow::Scalar>> Dataset::Std(const std::string& column, int ddof) const { return Single(millstream::Std(column, ddof)); }

Result<std::shared_ptr<arrow::Array>> Dataset::Unique(const std::string& column, bool ignore_nulls) const {
  ARROW_ASSIGN_OR_RAISE(auto plan, AggregatePlan(plan_, {column}, {}));
  if (ignore_nulls) ARROW_RETURN_NOT_OK(FilterPlan(plan, Column(column).IsNotNull().tree()).Value(&plan));
  ARROW_ASSIGN_OR_RAISE(const auto table, TableOf(context_.engine_, plan));
  const auto& values = *table->column(0);
  if (values.num_chunks() == 0) return arrow::MakeEmptyArray(values.type());
  return arrow::Concatenate(values.chunks());
}

}  // namespace millstream
