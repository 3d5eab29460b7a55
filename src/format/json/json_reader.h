#pragma once
/// The rows of the text of JSON objects.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>

#include "format/bad_data.h"
#include "format/file_text.h"
#include "format/json/json_rows.h"
#include "format/json/json_values.h"
#include "millstream/read_limits.h"

namespace millstream {

struct JsonColumns {
  std::shared_ptr<arrow::Schema> schema = nullptr;  // null: names and types are told from the values
  bool ignores_others = false;                      // fields that the schema does not have; else they are an error
  std::shared_ptr<JsonParsers> parsers = nullptr;   // of the quick way; null: there is none
  ReadLimits limits = {};
};

/// Of objects one behind the other. Null where there is no object. `where`: for messages. kCorruptData for what does not fit, or is deeper or wider than may be.
Result<std::shared_ptr<arrow::RecordBatch>> ParseJson(std::shared_ptr<arrow::Buffer> text, const JsonColumns& columns, const std::string& where);

/// The same of objects that are a line each. Lines that are none, or do not fit, are noted in `bad`, which may be null: then they are an error. `begin`: of the text, in
/// the file, or negative where that is not known.
Result<arrow::RecordBatchVector> ParseGoodLines(const std::shared_ptr<arrow::Buffer>& text, int64_t begin, const JsonColumns& columns, const std::string& where, BadParts* bad);

/// All rows of a file, as its pieces come, without what is before `text_begin`. `bad` may be null.
std::unique_ptr<arrow::RecordBatchReader> OpenJsonPieces(TextPieces pieces, int64_t text_begin, JsonLayout layout, JsonColumns columns, std::string path, BadParts* bad);

}  // namespace millstream
