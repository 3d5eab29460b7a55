#pragma once
/// Writes JSON files: an object a line, or all objects in one array.
///
/// Dates, times of day and timestamps are texts of ISO 8601, those with a time zone in UTC; decimals are numbers with all their digits; NaN and infinities, which JSON
/// does not have, are null; tensors are lists in lists, maps lists of objects with "key" and "value". Bytes, durations, intervals and unions have no form.

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

struct JsonWriteOptions {
  bool lines = true;
  arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED;
};

class JsonWriteFormat final : public WriteFormat {
 public:
  explicit JsonWriteFormat(JsonWriteOptions options = {}) : options_(options) {}
  const char* writer() const override { return "WriteJSON"; }
  std::string suffix() const override { return ".json" + CompressionSuffix(options_.compression); }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const JsonWriteOptions options_;
};

}  // namespace millstream
