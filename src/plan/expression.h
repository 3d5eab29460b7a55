#pragma once
/// Expressions on the columns of a batch: immutable trees, evaluated by Arrow's compute kernels.

#include <arrow/compute/expression.h>
#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace millstream {

class Expression {
 public:
  explicit Expression(arrow::compute::Expression tree) : tree_(std::move(tree)) {}

  const arrow::compute::Expression& tree() const { return tree_; }
  std::string ToString() const { return tree_.ToString(); }
  /// Names of the columns it reads, each once, in order of first use.
  std::vector<std::string> columns() const;
  /// The column's name where the expression is just a column, else empty.
  std::string bare_column() const;
  /// How many functions are called, each of which makes an array.
  int64_t calls() const;

 private:
  arrow::compute::Expression tree_;
};

using ExpressionPtr = std::shared_ptr<const Expression>;

ExpressionPtr ColumnExpression(std::string name);
ExpressionPtr LiteralExpression(arrow::Datum value);

/// The expression with its types resolved against `schema`: arguments are cast as Arrow's kernels need, and adapted
/// as adapt_types.h says. kUnknownColumn for a column that is not there, naming the near
/// ones; kType for arguments that no kernel takes.
Result<ExpressionPtr> Bind(const Expression& expression, const arrow::Schema& schema);

/// The values of a bound expression for every row of the batch, whose schema must be the one it was bound to.
Result<std::shared_ptr<arrow::ArrayData>> Evaluate(const Expression& bound, const arrow::RecordBatch& batch, arrow::MemoryPool* pool);

/// The type a bound expression gives.
std::shared_ptr<arrow::DataType> TypeOf(const Expression& bound);

}  // namespace millstream
