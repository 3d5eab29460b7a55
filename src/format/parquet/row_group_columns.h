#pragma once
/// Reads one row group a column at a time, so that only one column's pages are open.
///
/// Flat 4- and 8-byte columns (ints, floats, dates, times, timestamps whose Parquet and Arrow representations agree) are decoded straight into the caller's
/// memory; all others come as Arrow arrays through parquet::arrow. Memory for pages, dictionaries and arrays comes from the given pool.
/// Errors name the file, the row group and the column. Not thread-safe; one object a scan task.

#include <arrow/io/interfaces.h>
#include <parquet/metadata.h>

#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "ops/scan_columns.h"

namespace millstream {

/// A row group that will be read soon.
struct RowGroupToCome {
  std::string path;
  std::shared_ptr<parquet::FileMetaData> metadata;
  int row_group = 0;
  int64_t file_bytes = 0;
};

/// A file and its footer.
struct ParquetSource {
  std::string path;  // for messages
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  std::shared_ptr<parquet::FileMetaData> metadata;
  int64_t file_bytes = 0;
  std::shared_ptr<Env> env = nullptr;  // to be told what will be read; null: it does not want to know
  std::vector<RowGroupToCome> to_come = {};
};

/// What reading each column of the group takes, in the order of the file's Arrow schema.
std::vector<ColumnSizes> SizesOf(const parquet::RowGroupMetaData& group);

Result<std::unique_ptr<ScanColumns>> OpenRowGroup(const ParquetSource& source, int row_group, arrow::MemoryPool* pool);

}  // namespace millstream
