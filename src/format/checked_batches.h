#pragma once
/// Record batches as a library reads them from a file of its format: checked before anybody relies on them, and brought to the common schema.

#include <arrow/record_batch.h>

#include <memory>
#include <string>

#include "format/list_files.h"

namespace millstream {

/// What the library says of the file, as kCorruptData; errors of our own (reading, memory, cancelling) stay what they are. `form`: "ORC".
Status DamagedFile(const std::string& form, const ListedFile& listed, const Status& status);

/// `listed` outlives the result.
std::shared_ptr<arrow::RecordBatchReader> CheckedBatches(const std::string& form, const ListedFile& listed, std::shared_ptr<arrow::RecordBatchReader> stored,
                                                         std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool);

}  // namespace millstream
