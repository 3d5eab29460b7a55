#pragma once
/// The rows of the text of JSON objects.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>

#include "format/file_text.h"
#include "format/json/json_values.h"

namespace millstream {

/// Of objects one behind the other, as columns of the schema; without one, types are told from the values. Null where there is no object. `where`: for messages.
Result<std::shared_ptr<arrow::RecordBatch>> ParseJson(std::shared_ptr<arrow::Buffer> text, const std::shared_ptr<arrow::Schema>& schema, const std::string& where);

/// All rows of a file, as its pieces come, without what is before `text_begin`.
std::unique_ptr<arrow::RecordBatchReader> OpenJsonPieces(TextPieces pieces, int64_t text_begin, JsonLayout layout, std::shared_ptr<arrow::Schema> schema, std::string path);

}  // namespace millstream
