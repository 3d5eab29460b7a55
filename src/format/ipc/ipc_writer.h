#pragma once
/// Writes files in Arrow's own format, with a footer. Dictionaries are written as their values, as a file has one dictionary a column and batches may have several.

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

class IpcWriteFormat final : public WriteFormat {
 public:
  /// Each buffer is compressed by itself: LZ4_FRAME, ZSTD or UNCOMPRESSED.
  explicit IpcWriteFormat(arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED) : compression_(compression) {}
  static const CompressionTypes& Compressions();
  const char* writer() const override { return "WriteIpc"; }
  std::string suffix() const override { return ".arrow"; }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const arrow::Compression::type compression_;
};

}  // namespace millstream
