#pragma once
/// Writes Parquet files: compressed pages with checksums, and the Arrow schema, so that types come back as they were (parquet_form.h: as far as Parquet
/// has a form for them).
///
/// A row group's batches are kept (copied, where they are slices of more), charged to the ledger of the pool, until they are all there, then encoded one column
/// after the other, so that only one column's pages and dictionary are open; EncodeBytes estimates both together. As the library cannot be refused memory in the
/// midst of a column, up to what one column chunk needs may by then be held above the budget (memory/overdraft_pool.h).

#include <memory>
#include <string>

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

struct ParquetWriterOptions {
  arrow::Compression::type compression = arrow::Compression::SNAPPY;
  int64_t row_group_rows = 0;  // at most so many rows a row group; 0: DefaultRowGroupRows of the schema
};

const CompressionTypes& ParquetCompressions();

/// About 32 MiB of rows: 1,024 to 1,048,576.
int64_t DefaultRowGroupRows(const arrow::Schema& schema);

class ParquetWriteFormat final : public WriteFormat {
 public:
  explicit ParquetWriteFormat(ParquetWriterOptions options) : options_(options) {}
  const char* writer() const override { return "WriteParquet"; }
  std::string suffix() const override { return ".parquet"; }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  /// A batch's buffers are kept until its row group is written; where their memory is refused, smaller row groups help. A file without rows holds the schema.
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const ParquetWriterOptions options_;
};

}  // namespace millstream
