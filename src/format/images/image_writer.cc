#include "format/images/image_writer.h"

#include "format/batch_bytes.h"
#include "format/file_sink.h"
#include "format/images/encode_image.h"
#include "format/tensor_rows.h"

namespace millstream {
namespace {

constexpr int64_t kEncoderBytes = 1 << 20;

Result<ImageShape> ShapeOf(const std::vector<int64_t>& lengths, ImageWriteOptions::Form form) {
  std::string text;
  for (const int64_t length : lengths) text += (text.empty() ? "" : ", ") + std::to_string(length);
  const int64_t channels = lengths.size() == 3 ? lengths[2] : 1;
  const bool is_known = channels == 1 || channels == 3 || (channels == 4 && form == ImageWriteOptions::Form::kPng);
  if ((lengths.size() == 2 || lengths.size() == 3) && is_known && lengths[0] > 0 && lengths[1] > 0) return ImageShape{lengths[0], lengths[1], static_cast<int>(channels)};
  const std::string known = form == ImageWriteOptions::Form::kPng ? "1, 3 or 4 channels" : "1 or 3 channels";
  return MakeError(ErrorKind::kInvalidArgument, "a tensor of shape (" + text + ") is no picture; give (height, width), or (height, width, channels) with " + known);
}

class ImageWriter final : public FileWriter {
 public:
  ImageWriter(const ImageWriteOptions& options, std::shared_ptr<BudgetPool> pool, std::unique_ptr<FileSink> sink)
      : options_(options), pool_(std::move(pool)), sink_(std::move(sink)) {}

  Status Write(std::shared_ptr<arrow::RecordBatch> batch) override {
    rows_ += batch->num_rows();
    return sink_->InFile(WithContext(WritePicture(batch->GetColumnByName(options_.column)), "column '" + options_.column + "'"));
  }
  Result<WrittenRows> Close() override {
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, sink_->Close());
    return WrittenRows{rows_, bytes};
  }

 private:
  Status WritePicture(const std::shared_ptr<arrow::Array>& column) {
    ARROW_ASSIGN_OR_RAISE(const auto rows, TensorRows::Make(column));
    if (rows.IsNull(0)) return MakeError(ErrorKind::kInvalidArgument, "a null is no picture; drop such rows before writing");
    ARROW_ASSIGN_OR_RAISE(const auto encoded, EncodeRow(rows, 0, options_.form, options_.jpeg_quality, pool_.get()));
    return sink_->stream()->Write(encoded);
  }

  const ImageWriteOptions& options_;
  const std::shared_ptr<BudgetPool> pool_;
  const std::unique_ptr<FileSink> sink_;
  int64_t rows_ = 0;
};

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> EncodeRow(const TensorRows& rows, int64_t row, ImageWriteOptions::Form form, int jpeg_quality, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const ImageShape shape, ShapeOf(rows.shape(row), form));
  const uint8_t* const pixels = rows.values().data()->buffers[1]->data() + rows.values().offset() + rows.begin(row);
  return form == ImageWriteOptions::Form::kPng ? EncodePng(pixels, shape, pool) : EncodeJpeg(pixels, shape, jpeg_quality, pool);
}

Status ImageWriteFormat::Check(const arrow::Schema& schema) const {
  const auto field = schema.GetFieldByName(options_.column);
  if (field == nullptr) return MakeError(ErrorKind::kUnknownColumn, "No column '" + options_.column + "' to write; there are " + schema.ToString());
  const auto values = TensorRows::ValueType(*field->type());
  if (values != nullptr && values != field->type() && values->id() == arrow::Type::UINT8) return Status::OK();
  return MakeError(ErrorKind::kType, "Column '" + options_.column + "' of type " + field->type()->ToString() +
                                         " is no column of pictures; give tensors of uint8, with values from 0 to 255");
}

int64_t ImageWriteFormat::EncodeBytes(const arrow::Schema& schema, int64_t, int64_t) const {
  return kEncoderBytes + 2 * ValueBytesGuess(*schema.GetFieldByName(options_.column)->type());
}

Result<std::unique_ptr<FileWriter>> ImageWriteFormat::Open(Env& env, const FileToWrite& file) const {
  ARROW_RETURN_NOT_OK(Check(*file.schema));
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Create(env, file.path, arrow::Compression::UNCOMPRESSED, file.pool.get()));
  return std::make_unique<ImageWriter>(options_, file.pool, std::move(sink));
}

}  // namespace millstream
