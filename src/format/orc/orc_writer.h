#pragma once
/// Writes ORC files. Types that ORC lacks come back as its next ones: large texts and lists as plain ones, times of day and unsigned numbers not at all.

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

class OrcWriteFormat final : public WriteFormat {
 public:
  explicit OrcWriteFormat(arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED) : compression_(compression) {}
  static const CompressionTypes& Compressions();
  const char* writer() const override { return "WriteOrc"; }
  std::string suffix() const override { return ".orc"; }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const arrow::Compression::type compression_;
};

}  // namespace millstream
