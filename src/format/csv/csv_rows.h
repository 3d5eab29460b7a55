#pragma once
/// Parses the text of CSV rows, and converts it to the columns of a schema.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/csv/csv_options.h"

namespace millstream {

struct CsvColumns {
  std::shared_ptr<arrow::Schema> schema;  // of the rows that come out
  std::vector<std::string> names;         // in the file, in its order
};

class CsvRows {
 public:
  /// `where`: the file, and where in it the text begins, for messages; rows are told from there.
  CsvRows(CsvColumns columns, const CsvOptions& options, std::string where, arrow::MemoryPool* pool);

  /// The first rows of `text`, as many as make up a batch; `parsed` is how many bytes they were. Rows that have no end are left unless this `is_last`.
  /// Null where there is no whole row.
  Result<std::shared_ptr<arrow::RecordBatch>> Next(std::string_view text, bool is_last, int64_t* parsed);

 private:
  struct Column;
  Status MakeConverters();
  Status Ragged() const;
  Status NotConverted(const Status& status, int field) const;

  const CsvColumns columns_;
  const CsvOptions options_;
  const arrow::csv::ConvertOptions convert_;
  const std::string where_;
  arrow::MemoryPool* const pool_;
  std::vector<std::shared_ptr<Column>> converters_;  // one a field
  int64_t rows_ = 0;  // so far
  // Of the first row that has another number of values than there are names:
  std::string ragged_;
};

}  // namespace millstream
