#pragma once
/// Numbers of rows, in ascending order, and the rows themselves brought together again.

#include <functional>
#include <memory>

#include "ingest/spooled_rows.h"

namespace millstream {

struct AttachOptions {
  int column = 0;          // of the input: numbers of rows (int64); nulls, which have none, come last
  bool hands_over = true;  // what comes out is the user's, as far as the rows go; else it is charged as the rows are
  int64_t batch_bytes = 1 << 20;  // of the rows in a batch of the result, about: one row may be named many times
};

/// A batch of the result: of some rows of the input, and as many of the rows that they name (null: they name none, and all that follow do neither).
using AttachRows = std::function<Result<std::shared_ptr<arrow::RecordBatch>>(const arrow::RecordBatch& input, const std::shared_ptr<arrow::RecordBatch>& rows)>;
/// The schema of the result, called once the input has one or has ended.
using AttachedSchema = std::function<Result<std::shared_ptr<arrow::Schema>>()>;

/// `rows` have been written by the time the input gives its first batch. Closing closes them too.
PolledStreamPtr OpenAttachStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<SpooledRows> rows, std::shared_ptr<BudgetPool> pool,
                                 AttachedSchema schema, AttachRows attach, AttachOptions options);

}  // namespace millstream
