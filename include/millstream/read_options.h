#pragma once
/// What the readers of files take, by name: Dataset::ReadCsv(context, {"flights"}, {.files = {.include_paths = true}, .column_names = {"day", "delay"}}).

#include <arrow/csv/options.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millstream/on_bad.h"
#include "millstream/partitioning.h"
#include "millstream/read_limits.h"

namespace millstream {

/// Of all readers.
struct ReadFilesOptions {
  /// Of a directory's files those that end so, such as ".csv", whatever the case of their letters. Empty: all that may be of the format.
  std::vector<std::string> extensions = {};
  /// Paths that match nothing are left out, where some do.
  bool ignore_missing_paths = false;
  std::optional<Partitioning> partitioning = {};
  /// Adds the column "path", behind all others.
  bool include_paths = false;
  /// The files come in a random order, the same at every execution: much weaker than a shuffle of rows, and free.
  std::optional<uint64_t> shuffle_files_seed = {};
  /// Of a file that turns out bad while it is read the rows before that place stay. Rows are told from one another in CSV, JSON, text and TFRecord files alone.
  OnBad on_bad_file = OnBad::kRaise;
  OnBad on_bad_row = OnBad::kRaise;
  /// Of an epoch; one more ends the job. Negative: any number.
  int64_t max_errors = -1;
  ReadLimits limits = {};
};

struct ReadParquetOptions {
  /// Only these, in this order. Empty: all.
  std::vector<std::string> columns = {};
  ReadFilesOptions files = {};
};

struct ReadCsvOptions {
  ReadFilesOptions files = {};
  /// Where they are given, the first row is a row of data.
  std::vector<std::string> column_names = {};
  bool autogenerate_column_names = false;
  /// Before the names, and behind them.
  int32_t skip_rows = 0;
  int32_t skip_rows_after_names = 0;
  arrow::csv::ParseOptions parse = arrow::csv::ParseOptions::Defaults();
  /// Without timestamp_parsers.
  arrow::csv::ConvertOptions convert = arrow::csv::ConvertOptions::Defaults();
  /// Forms of strptime, or "ISO8601", tried one after the other. Empty: ISO 8601 alone.
  std::vector<std::string> timestamp_formats = {};
};

struct ReadJsonOptions {
  ReadFilesOptions files = {};
  /// Types of some columns or all; others are told from the rows.
  std::shared_ptr<arrow::Schema> schema = nullptr;
};

struct ReadTextOptions {
  ReadFilesOptions files = {};
  /// Those of white space alone.
  bool drop_empty_lines = true;
};

}  // namespace millstream
