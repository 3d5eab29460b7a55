#pragma once
/// Arrow types and arrays as bytes inside a plan: Arrow's IPC stream, read back with limits and checked in full.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millstream {

Result<std::string> TypeToBytes(const std::shared_ptr<arrow::DataType>& type);
Result<std::shared_ptr<arrow::DataType>> TypeFromBytes(std::string_view bytes);

Result<std::string> ArrayToBytes(const std::shared_ptr<arrow::Array>& array);
Result<std::shared_ptr<arrow::Array>> ArrayFromBytes(std::string_view bytes);

/// All batches of an IPC stream. kCorruptData for bytes that are not one, or whose values are not valid.
struct StoredBatches {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
};
Result<StoredBatches> BatchesFromBytes(std::string_view bytes);

}  // namespace millstream
