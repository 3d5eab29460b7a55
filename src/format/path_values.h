#pragma once
/// What the paths of files tell of their rows: the path itself, and values of partitions in the names of its directories.

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <vector>

#include "base/byte_codec.h"
#include "format/list_files.h"
#include "millstream/partitioning.h"

namespace millstream {

struct PathOptions {
  std::optional<Partitioning> partitioning;
  bool include_path = false;            // as the column "path", the last one
};

/// A row a file; null where there are no columns. kInvalidArgument for a path that does not fit the partitioning, and a value that is not of its type.
Result<std::shared_ptr<arrow::RecordBatch>> ValuesOfPaths(const std::vector<ListedFile>& files, const PathOptions& options);

/// The schema of files with these columns behind theirs. kInvalidArgument for a column that is in the files too.
Result<std::shared_ptr<arrow::Schema>> WithFieldsOfPaths(const arrow::Schema& of_files, const arrow::RecordBatch& values);

/// The value of the file, for each of some rows.
Result<std::shared_ptr<arrow::Array>> ColumnOfPath(const arrow::Array& values, int64_t file, int64_t rows, arrow::MemoryPool* pool);

/// Values, or null, inside a plan that travels. kCorruptData for bytes that are not those of so many files.
Status WriteValuesOfPaths(const arrow::RecordBatch* values, ByteWriter* out);
Result<std::shared_ptr<arrow::RecordBatch>> ReadValuesOfPaths(size_t files, ByteReader* in);

}  // namespace millstream
