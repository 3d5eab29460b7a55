#pragma once
/// The rows of the text of JSON objects.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>

#include "format/file_text.h"
#include "format/json/json_values.h"

namespace millstream {

struct JsonColumns {
  std::shared_ptr<arrow::Schema> schema = nullptr;  // null: names and types are told from the values
  bool ignores_others = false;                      // fields that the schema does not have; else they are an error
};

/// Of objects one behind the other. Null where there is no object. `where`: for messages.
Result<std::shared_ptr<arrow::RecordBatch>> ParseJson(std::shared_ptr<arrow::Buffer> text, const JsonColumns& columns, const std::string& where);

/// All rows of a file, as its pieces come, without what is before `text_begin`.
std::unique_ptr<arrow::RecordBatchReader> OpenJsonPieces(TextPieces pieces, int64_t text_begin, JsonLayout layout, JsonColumns columns, std::string path);

}  // namespace millstream
