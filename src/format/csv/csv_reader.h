#pragma once
/// The rows of a range of a CSV file.

#include <arrow/record_batch.h>

#include <memory>

#include "format/csv/csv_head.h"
#include "format/csv/csv_rows.h"
#include "format/file_text.h"

namespace millstream {

/// `text`: the lines of a range.
std::unique_ptr<arrow::RecordBatchReader> OpenCsvText(FileText text, std::shared_ptr<arrow::Schema> schema, CsvRows rows);

/// All rows of a file, as its pieces come; where a row ends only their parser knows.
std::unique_ptr<arrow::RecordBatchReader> OpenCsvPieces(TextPieces pieces, int64_t rows_begin, std::shared_ptr<arrow::Schema> schema, CsvRows rows);

}  // namespace millstream
