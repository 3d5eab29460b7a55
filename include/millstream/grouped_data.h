#pragma once
/// The rows of a data set by the values of key columns, as Dataset::GroupBy gives them.
///
///   ARROW_ASSIGN_OR_RAISE(auto delays, flights.GroupBy({"carrier"}).Aggregate({Count(), Mean("dep_delay")}));   // millstream/aggregate.h
///
/// Results come in the order of the keys, ascending, nulls last; nulls of a key are one group, as are its NaNs. Groups beyond the memory limit are spilled, but for
/// MapGroups, whose groups must each fit. Errors of all methods: kUnknownColumn; kType for a column that cannot be a key or be aggregated so; kInvalidArgument for
/// two columns of one name.

#include <arrow/result.h>

#include <memory>
#include <string>
#include <vector>

#include "millstream/aggregate.h"
#include "millstream/batch_functions.h"
#include "millstream/context.h"
#include "millstream/export.h"

namespace millstream {

class Dataset;
struct PlanNode;

class MILLSTREAM_EXPORT GroupedData {
 public:
  /// One row a group: its keys, and a column an aggregation.
  arrow::Result<Dataset> Aggregate(const std::vector<AggregateFn>& aggregates) const;

  /// Rows of each group, as "count()".
  arrow::Result<Dataset> Count() const;
  /// Of each column, as "sum(x)"; none named: of all but the keys, for which a plan is run to its first batch where functions decide its columns.
  arrow::Result<Dataset> Sum(const std::vector<std::string>& columns = {}) const;
  arrow::Result<Dataset> Min(const std::vector<std::string>& columns = {}) const;
  arrow::Result<Dataset> Max(const std::vector<std::string>& columns = {}) const;
  arrow::Result<Dataset> Mean(const std::vector<std::string>& columns = {}) const;
  arrow::Result<Dataset> Std(const std::vector<std::string>& columns = {}, int ddof = 1) const;

  /// What the function gives for each group, whole in one batch with all columns, its rows in their order. `batch_size` must be 0. The iteration ends with kBudget
  /// where a group does not fit the memory.
  arrow::Result<Dataset> MapGroups(MapFunction function, const MapOptions& options = {}) const;

 private:
  friend class Dataset;
  GroupedData(Context context, std::shared_ptr<const PlanNode> plan, std::vector<std::string> keys);
  arrow::Result<Dataset> Each(AggregateFn (*aggregate)(const std::string&), const std::vector<std::string>& columns) const;
  arrow::Result<std::vector<std::string>> ColumnsOr(const std::vector<std::string>& columns) const;

  Context context_;
  std::shared_ptr<const PlanNode> plan_;
  std::vector<std::string> keys_;
};

}  // namespace millstream
