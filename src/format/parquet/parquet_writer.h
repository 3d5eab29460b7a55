#pragma once
/// Writes one Parquet file: compressed pages with checksums, and the Arrow schema, so that types come back as they were (parquet_form.h: as far as Parquet
/// has a form for them).
///
///   ARROW_ASSIGN_OR_RAISE(auto writer, ParquetWriter::Open(*env, path, schema, options, pool));
///   for (...) ARROW_RETURN_NOT_OK(writer->Write(batch));
///   ARROW_ASSIGN_OR_RAISE(const auto written, writer->Close());
///
/// Everything happens on the calling thread. A row group's batches are kept (copied, where they are slices of more), charged to the ledger of `pool`, until they are all there, then encoded one column
/// after the other, so that only one column's pages and dictionary are open; EncodeBytes estimates both together. A refused charge is an error of
/// Write or Close. As the library cannot be refused memory in the midst of a column, up to what one column chunk needs may by then be held above
/// the budget (memory/overdraft_pool.h). After an error the writer is of no more use; the caller removes the file. The bytes written depend on
/// the rows, their cut into batches, the schema and the options alone. One thread at a time.

#include <arrow/record_batch.h>
#include <arrow/util/compression.h>

#include <memory>
#include <string>

#include "env/env.h"
#include "memory/budget_pool.h"

namespace millstream {

struct ParquetWriterOptions {
  arrow::Compression::type compression = arrow::Compression::SNAPPY;
  int64_t row_group_rows = 0;  // at most so many rows a row group; 0: DefaultRowGroupRows of the schema
};

/// "snappy", "zstd", "gzip", "lz4", "brotli", "none", in any case; kInvalidArgument for another.
Result<arrow::Compression::type> ParseCompression(const std::string& name);

/// Bytes of a row as it lies in memory: exact for fixed widths, a guess for others.
int64_t RowBytesGuess(const arrow::Schema& schema);
/// About 32 MiB of rows: 1,024 to 1,048,576.
int64_t DefaultRowGroupRows(const arrow::Schema& schema);
/// What one writer holds at most for files of `file_rows` rows that come in batches of `batch_rows`, as far as the schema tells.
int64_t EncodeBytes(const arrow::Schema& schema, const ParquetWriterOptions& options, int64_t file_rows, int64_t batch_rows);
/// The memory that a batch keeps from being freed, rounded as it is allocated: of a slice its share.
int64_t HeldBytes(const arrow::RecordBatch& batch);

class ParquetWriter {
 public:
  struct Written {
    int64_t rows = 0;
    int64_t bytes = 0;  // of the file
  };

  /// Creates the file. kType where a column has no form in Parquet.
  static Result<std::unique_ptr<ParquetWriter>> Open(Env& env, const std::string& path, const arrow::Schema& schema,
                                                     const ParquetWriterOptions& options, std::shared_ptr<BudgetPool> pool);
  virtual ~ParquetWriter() = default;

  /// `batch` has the schema given to Open; its buffers are kept until its row group is written. kBudget where the memory is refused: smaller row groups help.
  virtual Status Write(std::shared_ptr<arrow::RecordBatch> batch) = 0;
  /// Writes the footer and closes the file; a file without rows holds the schema.
  virtual Result<Written> Close() = 0;
};

}  // namespace millstream
