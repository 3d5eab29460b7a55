#pragma once
/// How CSV files are to be read: pyarrow's options, under their names.

#include <arrow/csv/options.h>

#include <string>
#include <vector>

#include "base/byte_codec.h"
#include "millstream/read_limits.h"

namespace millstream {

struct CsvOptions {
  // ---- of the files ----
  std::vector<std::string> column_names;  // where they are given, the first row is a row of data
  bool autogenerate_column_names = false;
  int32_t skip_rows = 0;                  // before the names
  int32_t skip_rows_after_names = 0;
  arrow::csv::ParseOptions parse = arrow::csv::ParseOptions::Defaults();
  /// Without timestamp_parsers.
  arrow::csv::ConvertOptions convert = arrow::csv::ConvertOptions::Defaults();
  /// Forms of strptime, or kIso8601, tried one after the other; none: ISO 8601 alone.
  std::vector<std::string> timestamp_formats;
  static constexpr const char* kIso8601 = "ISO8601";
  ReadLimits limits = {};

  /// kInvalidArgument for what cannot be.
  Status Validate() const;
  /// With the timestamp parsers.
  arrow::csv::ConvertOptions Convert() const;
  Status Write(ByteWriter* out) const;
  static Result<CsvOptions> Read(ByteReader* in);
};

}  // namespace millstream
