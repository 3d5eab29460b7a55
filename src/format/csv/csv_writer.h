#pragma once
/// Writes CSV files by Arrow's writer.
///
/// A null is an empty cell, an empty text is "" in quotes. Types are lost: readers tell them from the texts. Bytes and nested values have no form.

#include <string>

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

struct CsvWriteOptions {
  enum class Quoting : uint8_t { kNeeded, kAll, kNone };

  bool include_header = true;
  char delimiter = ',';
  Quoting quoting = Quoting::kNeeded;
  Quoting quoting_header = Quoting::kNeeded;
  arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED;
};

class CsvWriteFormat final : public WriteFormat {
 public:
  explicit CsvWriteFormat(CsvWriteOptions options = {}) : options_(std::move(options)) {}
  const char* writer() const override { return "WriteCSV"; }
  std::string suffix() const override { return ".csv" + CompressionSuffix(options_.compression); }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const CsvWriteOptions options_;
};

}  // namespace millstream
