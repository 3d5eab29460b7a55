#pragma once
/// What a chain of row-wise nodes does, as one filter and one projection over the columns below it.

#include "plan/logical_plan.h"

namespace millstream {

class RowChanges {
 public:
  /// Nothing yet: all columns as they are.
  explicit RowChanges(const arrow::Schema& schema);

  /// Whether Add takes the node.
  static bool Takes(const PlanNode& node);
  /// The next node upwards.
  Status Add(const PlanNode& node);

  const ExpressionPtr& filter() const { return filter_; }  // null: none
  const NamedExpressions& columns() const { return columns_; }

 private:
  Status AddFilter(const Expression& filter);
  Status AddProject(const NamedExpressions& columns);

  ExpressionPtr filter_;
  NamedExpressions columns_;
};

}  // namespace millstream
