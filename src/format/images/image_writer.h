#pragma once
/// Writes picture files, a file a row, from one column of tensors of bytes: of height and width, or height, width and 1, 3 or 4 channels.

#include <arrow/buffer.h>

#include <memory>
#include <string>

#include "format/file_writer.h"
#include "format/tensor_rows.h"

namespace millstream {

struct ImageWriteOptions {
  enum class Form : uint8_t { kPng, kJpeg };

  std::string column;
  Form form = Form::kPng;
  std::string suffix = ".png";  // from the dot on
  int jpeg_quality = 75;
};

/// The picture of a row of tensors of bytes. kInvalidArgument for a tensor that is none.
Result<std::shared_ptr<arrow::Buffer>> EncodeRow(const TensorRows& rows, int64_t row, ImageWriteOptions::Form form, int jpeg_quality, arrow::MemoryPool* pool);

class ImageWriteFormat final : public WriteFormat {
 public:
  explicit ImageWriteFormat(ImageWriteOptions options) : options_(std::move(options)) {}
  const char* writer() const override { return "WriteImages"; }
  std::string suffix() const override { return options_.suffix; }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  int64_t file_rows_max() const override { return 1; }
  bool writes_empty_files() const override { return false; }
  /// kInvalidArgument for a null, and a tensor that is no picture of the form.
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const ImageWriteOptions options_;
};

}  // namespace millstream
