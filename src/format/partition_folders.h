#pragma once
/// The folders that rows go to by the values of some columns: "year=2024/city=Bern", as Hive names them.
///
/// Bytes of a name or value that are not letters, digits or one of "-_.~" are written as %XX, so that no value leads out of its folder; a null is
/// "__HIVE_DEFAULT_PARTITION__". Reading with partitions (path_values.h) gives the values back, as texts where no type is named.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace millstream {

class PartitionFolders {
 public:
  /// kUnknownColumn; kType for a column whose values have no text; kInvalidArgument where no column would be left.
  static Result<PartitionFolders> Make(const arrow::Schema& schema, const std::vector<std::string>& columns);

  /// The columns that stay in the files.
  const std::shared_ptr<arrow::Schema>& rest() const { return rest_; }

  struct Part {
    std::string folder;  // with a '/' behind
    std::shared_ptr<arrow::RecordBatch> rows;  // of the columns that stay
  };
  /// The rows in their order, cut where the folder changes.
  Result<std::vector<Part>> Cut(const arrow::RecordBatch& batch) const;

 private:
  std::vector<int> columns_;
  std::vector<std::string> names_;  // as folders have them
  std::vector<int> rest_columns_;
  std::shared_ptr<arrow::Schema> rest_;
};

}  // namespace millstream
