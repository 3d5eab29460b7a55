#pragma once
/// Files as what rows are written into: a format makes writers, each of one file.
///
///   ARROW_RETURN_NOT_OK(format.Check(*schema));
///   ARROW_ASSIGN_OR_RAISE(auto writer, format.Open(*env, {path, schema, rows, pool}));
///   for (...) ARROW_RETURN_NOT_OK(writer->Write(batch));
///   ARROW_ASSIGN_OR_RAISE(const auto written, writer->Close());
///
/// The bytes written depend on the rows, their cut into batches, the schema and the options alone. Errors name the file and, where one is to blame, the column and row.
/// After an error the writer is of no more use; the caller removes the file.

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>
#include <string>

#include "env/env.h"
#include "memory/budget_pool.h"

namespace millstream {

struct WrittenRows {
  int64_t rows = 0;
  int64_t bytes = 0;  // of the file
};

/// One thread at a time. What is not closed is given up.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  /// `batch` has the schema of the file. kBudget where memory is refused.
  virtual Status Write(std::shared_ptr<arrow::RecordBatch> batch) = 0;
  virtual Result<WrittenRows> Close() = 0;
};

struct FileToWrite {
  std::string path;
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;  // at most
  std::shared_ptr<BudgetPool> pool;
};

/// Immutable, used by several lanes at a time.
class WriteFormat {
 public:
  virtual ~WriteFormat() = default;
  /// As its stage is called.
  virtual const char* writer() const = 0;
  /// Behind the names of its files, from the dot on.
  virtual std::string suffix() const = 0;
  /// Whether rows of the schema can be written, as far as it tells: kType, naming the column, or kInvalidArgument.
  virtual Status Check(const arrow::Schema& schema) const = 0;
  /// What one writer holds at most for a file of so many rows that come in batches of `batch_rows`, as far as the schema tells.
  virtual int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const = 0;
  /// Rows of a file, at most; 0: no bound.
  virtual int64_t file_rows_max() const { return 0; }
  /// Whether there is a file where there are no rows.
  virtual bool writes_empty_files() const { return true; }
  /// Creates the file.
  virtual Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const = 0;
};

}  // namespace millstream
