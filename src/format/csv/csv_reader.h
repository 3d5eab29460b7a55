#pragma once
/// The rows of a range of a CSV file.

#include <arrow/record_batch.h>

#include <memory>

#include "format/csv/csv_head.h"
#include "format/csv/csv_rows.h"
#include "format/file_format.h"

namespace millstream {

/// Whole rows of a range: those whose first byte is in it.
struct CsvText {
  std::shared_ptr<arrow::Buffer> buffer;
  std::string_view rows;  // of the buffer
  int64_t begin = 0;      // of them, in the file
};
/// kCorruptData for a row that is longer than rows may be.
Result<CsvText> ReadCsvText(arrow::io::RandomAccessFile& file, const ListedFile& listed, const CsvHead& head, const FileRange& range);

/// `file` is read a piece at a time where the range is all of it and line ends do not end rows always, else at once.
Result<std::unique_ptr<arrow::RecordBatchReader>> OpenCsvRange(std::shared_ptr<arrow::io::RandomAccessFile> file, const ListedFile& listed, const CsvHead& head,
                                                               const FileRange& range, const std::shared_ptr<arrow::Schema>& schema, const CsvOptions& options,
                                                               arrow::MemoryPool* pool);

}  // namespace millstream
