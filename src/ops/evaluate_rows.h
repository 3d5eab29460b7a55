#pragma once
/// Reads the inputs of a row program from a scan task, brought to the unified schema, and evaluates its expressions on them.

#include <arrow/record_batch.h>

#include <memory>
#include <vector>

#include "ops/row_program.h"
#include "ops/scan_columns.h"

namespace millstream {

/// Batches of the columns `inputs` (indexes in `schema`, the unified schema): columns that this source lacks are null, columns of a narrower type are
/// cast. Without inputs the batches have no columns and the right number of rows.
class InputReader {
 public:
  virtual ~InputReader() = default;
  /// The next `rows` rows, `rows` being the batch size or, at a task's end, what is left of it (a limit may cut a task short of its source).
  /// kCorruptData when the source has fewer.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t rows) = 0;
};
Result<std::unique_ptr<InputReader>> OpenInputs(ScanColumns& columns, const arrow::Schema& schema, const std::vector<int>& inputs,
                                                int64_t batch_rows, arrow::MemoryPool* pool);

/// Tells what the program will read, in the order in which it does.
void TellReads(ScanColumns& columns, const RowProgram& program);

/// Where a batch comes from: its first row is row `first_row` of the columns' source. Errors of evaluating it name the first row that has them.
struct RowOrigin {
  const ScanColumns& columns;
  int64_t first_row;
};

/// One byte a row, 1 where the filter is true (null counts as false).
Result<std::shared_ptr<arrow::Buffer>> EvaluateSelection(const Expression& filter, const arrow::RecordBatch& batch, arrow::MemoryPool* pool,
                                                         const RowOrigin* origin = nullptr);

/// The numbers of the rows that are selected, 32 bits each.
Result<std::shared_ptr<arrow::Buffer>> KeptRows(const uint8_t* selected, int64_t rows, arrow::MemoryPool* pool);

/// The column's values for every row of the batch, of the declared type.
Result<std::shared_ptr<arrow::ArrayData>> EvaluateColumn(const OutputColumn& column, const arrow::RecordBatch& batch, arrow::MemoryPool* pool,
                                                         const RowOrigin* origin = nullptr);

/// Packs one byte a row into a validity bitmap; returns the number of nulls.
int64_t PackValidity(const uint8_t* valid, int64_t rows, uint8_t* bits);

/// One byte a row of an array's validity.
void UnpackValidity(const arrow::ArrayData& data, uint8_t* valid);

}  // namespace millstream
