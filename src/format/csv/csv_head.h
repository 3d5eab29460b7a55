#pragma once
/// What the beginning of a CSV file tells: the names of its columns, and where its rows begin.

#include <string>
#include <string_view>
#include <vector>

#include "env/env.h"
#include "format/csv/csv_options.h"
#include "format/list_files.h"

namespace millstream {

struct CsvHead {
  std::vector<std::string> names;
  int64_t rows_begin = 0;  // in bytes
};

/// kCorruptData for a file that is not UTF-8 text, has no row of names or more of them than there may be, kInvalidArgument for two columns of one name. Of an empty file nothing.
Result<CsvHead> ReadCsvHead(Env& env, const ListedFile& file, const CsvOptions& options);

}  // namespace millstream
