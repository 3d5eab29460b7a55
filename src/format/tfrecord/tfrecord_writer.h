#pragma once
/// Writes TFRecord files of tf.train.Example: a record a row, a feature a column, with checksums.
///
/// Whole numbers and booleans become int64 lists, floating-point numbers float lists (of 32 bits: what a double has beyond is lost), texts and bytes byte lists; a list or
/// tensor gives all its values, without its shape. A null is a feature without a list.

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

class TfRecordWriteFormat final : public WriteFormat {
 public:
  explicit TfRecordWriteFormat(arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED) : compression_(compression) {}
  const char* writer() const override { return "WriteTFRecords"; }
  std::string suffix() const override { return ".tfrecords" + CompressionSuffix(compression_); }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  /// kInvalidArgument for a list with a null in it, and a whole number beyond 64 bits with a sign.
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const arrow::Compression::type compression_;
};

}  // namespace millstream
