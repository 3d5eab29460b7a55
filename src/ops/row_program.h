#pragma once
/// The row-wise stages between a scan and what follows, fused: which rows are kept, and how each output column comes from the source's columns.

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <vector>

#include "ops/scan_columns.h"
#include "plan/expression.h"

namespace millstream {

struct OutputColumn {
  std::shared_ptr<arrow::Field> field;
  ExpressionPtr expression;       // bound to the inputs; null where the column passes through
  int passthrough = -1;      // index in the source schema where the expression is just that column
  std::vector<int> inputs;   // indexes in the source schema that the expression reads
};

/// Drops rows by what is known only when the program runs: keys that nothing on the other side of a join has. Any thread.
class RowSelector {
 public:
  virtual ~RowSelector() = default;
  /// Makes selected[row] 0 for rows that are dropped, leaving it as it is for others. `columns` are those that the program names.
  virtual Status Select(const arrow::RecordBatch& columns, uint8_t* selected) const = 0;
};

/// Immutable; made once a plan.
struct RowProgram {
  std::shared_ptr<arrow::Schema> input;
  std::shared_ptr<arrow::Schema> output;
  std::vector<OutputColumn> columns;
  ExpressionPtr filter;  // bound to filter_inputs; may be null
  std::vector<int> filter_inputs;
  /// Only where a scan in order runs the program (scan_rows.h); may be null.
  std::shared_ptr<const RowSelector> selector;
  std::vector<int> selector_inputs;

  /// Whether it may keep fewer rows than it reads.
  bool drops_rows() const { return filter != nullptr || selector != nullptr; }

  static Result<std::shared_ptr<const RowProgram>> Make(std::shared_ptr<arrow::Schema> input, ExpressionPtr filter,
                                                        const std::vector<std::pair<std::string, ExpressionPtr>>& columns);
  /// The program with these of its output columns alone.
  static std::shared_ptr<const RowProgram> Select(const RowProgram& program, const std::vector<int>& columns);
  /// All columns as they are.
  static Result<std::shared_ptr<const RowProgram>> PassThrough(std::shared_ptr<arrow::Schema> input);
};

}  // namespace millstream
