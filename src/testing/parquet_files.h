#pragma once
/// Parquet files for tests, written and read back by Arrow's own writer and reader.

#include <memory>
#include <string>
#include <vector>

#include "format/parquet/parquet_dataset.h"
#include "plan/logical_plan.h"
#include "testing/oracle_tables.h"
#include "testing/temporary_directory.h"

namespace millstream::testing_support {

/// part-0.parquet, part-1.parquet, … in a directory of their own, with page checksums.
class ParquetFiles {
 public:
  /// One more file. An error where Parquet cannot hold a type.
  Status Write(const Batches& batches, const std::shared_ptr<arrow::Schema>& schema, int64_t row_group_rows);

  /// All rows as Arrow's reader gives them, the source being the file's number.
  Result<std::vector<IdentifiedRow>> Rows() const;

  /// A plan that reads them through `env`.
  Result<PlanPtr> Plan(const std::shared_ptr<Env>& env) const;

  const std::vector<ListedFile>& listed() const { return listed_; }

 private:
  TemporaryDirectory directory_;
  std::vector<ListedFile> listed_;
};

}  // namespace millstream::testing_support
