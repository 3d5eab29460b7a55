#pragma once
/// Writes tar files as WebDataset reads them: a member a value, "<key>.<column>", those of a row one after the other.
///
/// The key of a row is its column "__key__", else the file's name and the row's number in it; other columns that begin with "__" are left out, and nulls have no member.
/// Texts and bytes are written as they are. Other values by what the column's name ends in: pictures (jpg, jpeg, png) of tensors of bytes, arrays (npy), JSON (json);
/// numbers and booleans under any other name as texts.

#include "format/compression.h"
#include "format/file_writer.h"

namespace millstream {

class TarWriteFormat final : public WriteFormat {
 public:
  explicit TarWriteFormat(arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED) : compression_(compression) {}
  const char* writer() const override { return "WriteWebDataset"; }
  std::string suffix() const override { return ".tar" + CompressionSuffix(compression_); }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  /// kInvalidArgument for a key that leads elsewhere or is too long, and a tensor that is no picture.
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const arrow::Compression::type compression_;
};

}  // namespace millstream
