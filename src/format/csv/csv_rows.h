#pragma once
/// Parses the text of CSV rows, and converts it to the columns of a schema.

#include <arrow/csv/converter.h>
#include <arrow/record_batch.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "format/bad_data.h"
#include "format/csv/csv_options.h"
#include "format/long_lines.h"

namespace millstream {

struct CsvColumns {
  std::shared_ptr<arrow::Schema> schema;  // of the rows that come out
  std::vector<std::string> names;         // in the file, in its order
};

/// What makes values of the texts of each column, made when first asked for. Any thread.
class CsvConverters {
 public:
  struct Columns {
    arrow::csv::ConvertOptions options;  // which converters refer to
    std::vector<std::shared_ptr<arrow::csv::Converter>> converters;
  };
  CsvConverters(std::shared_ptr<arrow::Schema> schema, const CsvOptions& options) : schema_(std::move(schema)), options_(options) {}
  /// One a field. All memory of values is from the default pool.
  Result<std::shared_ptr<const Columns>> Get();

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const CsvOptions options_;
  std::mutex mutex_;
  std::shared_ptr<const Columns> columns_;  // guarded by mutex_
};

class CsvRows {
 public:
  /// `begin`: where in the file the text begins, and `where` the same in words for messages; rows are told from there. `bad` may be null: else rows that do not fit are
  /// passed over.
  CsvRows(CsvColumns columns, std::shared_ptr<const CsvConverters::Columns> converters, const CsvOptions& options, const std::string& path, std::string where, int64_t begin,
          arrow::MemoryPool* pool, BadParts* bad);

  /// The first rows of `text`, as many as make up a batch; `parsed` is how many bytes they were. Rows that have no end are left unless this `is_last`.
  /// Null where there is no whole row, or none that fits: then `parsed` tells.
  Result<std::shared_ptr<arrow::RecordBatch>> Next(std::string_view text, bool is_last, int64_t* parsed);

 private:
  /// Rows that were parsed, before they are converted.
  struct Parsed;
  /// As many rows as there are, `rows_max` at most.
  Result<Parsed> Parse(std::string_view text, bool is_last, int32_t rows_max, int64_t first_row, bool notes_ragged);
  Result<std::shared_ptr<arrow::RecordBatch>> Convert(const Parsed& parsed) const;
  /// Adds the batches of those rows of the text, of which there are some, that can be converted; others are noted.
  Status ConvertByHalves(std::string_view text, int64_t begin, Parsed parsed);
  /// How many bytes of the text are to be parsed next; those of a line that is too long are taken from its beginning.
  Result<size_t> PassLongLine(std::string_view* text, bool is_last);
  /// The same of rows, where they may go over several lines.
  Status CheckLengths(const Parsed& parsed) const;
  Status Ragged(const std::string& row) const;
  Status NotConverted(const Status& status, int field) const;

  const CsvColumns columns_;
  const CsvOptions options_;
  const std::shared_ptr<const CsvConverters::Columns> converters_;
  const std::string where_;
  arrow::MemoryPool* const pool_;
  std::vector<int> indices_;  // of each field in the file; negative: it is not there
  BadParts* const bad_;
  LongLines long_lines_;
  int64_t begin_;      // of the text that comes next, in the file
  int64_t rows_ = 0;   // so far
  arrow::RecordBatchVector ready_;  // that are to be given before more is parsed, the last one first
};

}  // namespace millstream
