#include "format/images/encode_image.h"

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>

namespace millstream {
namespace {

/// libjpeg tells of an error by a call that must not return.
class JpegWriter {
 public:
  JpegWriter() {
    encoder_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = [](j_common_ptr encoder) {
      auto* errors = reinterpret_cast<Errors*>(encoder->err);
      encoder->err->format_message(encoder, errors->message.data());
      longjmp(errors->jump, 1);
    };
    errors_.manager.emit_message = [](j_common_ptr, int) {};
  }
  ~JpegWriter() { jpeg_destroy_compress(&encoder_); }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  /// Into `out`, which has room for `*bytes`; the library makes a larger one of its own where that is not enough.
  Status Write(const uint8_t* pixels, ImageShape shape, int quality, unsigned char** out, unsigned long* bytes) {
    if (setjmp(errors_.jump) != 0) return Status::Invalid(errors_.message.data());
    jpeg_create_compress(&encoder_);
    jpeg_mem_dest(&encoder_, out, bytes);
    encoder_.image_width = static_cast<JDIMENSION>(shape.width);
    encoder_.image_height = static_cast<JDIMENSION>(shape.height);
    encoder_.input_components = shape.channels;
    encoder_.in_color_space = shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&encoder_);
    jpeg_set_quality(&encoder_, quality, TRUE);
    jpeg_start_compress(&encoder_, TRUE);
    while (encoder_.next_scanline < encoder_.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(pixels + encoder_.next_scanline * shape.width * shape.channels);
      jpeg_write_scanlines(&encoder_, &row, 1);
    }
    jpeg_finish_compress(&encoder_);
    return Status::OK();
  }

 private:
  struct Errors {
    jpeg_error_mgr manager;
    std::array<char, JMSG_LENGTH_MAX> message{};
    std::jmp_buf jump;
  };
  Errors errors_{};
  jpeg_compress_struct encoder_{};
};

constexpr int64_t kJpegHeadBytes = 16 << 10;

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> EncodePng(const uint8_t* pixels, ImageShape shape, arrow::MemoryPool* pool) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape.width);
  image.height = static_cast<png_uint_32>(shape.height);
  image.format = shape.channels == 1 ? PNG_FORMAT_GRAY : shape.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::AllocateResizableBuffer(static_cast<int64_t>(bytes), pool));
  if (png_image_write_to_memory(&image, out->mutable_data(), &bytes, 0, pixels, 0, nullptr) == 0) {
    const Status status = Status::Invalid(image.message);
    png_image_free(&image);
    return status;
  }
  ARROW_RETURN_NOT_OK(out->Resize(static_cast<int64_t>(bytes), /*shrink_to_fit=*/false));
  return std::shared_ptr<arrow::Buffer>(std::move(out));
}

Result<std::shared_ptr<arrow::Buffer>> EncodeJpeg(const uint8_t* pixels, ImageShape shape, int quality, arrow::MemoryPool* pool) {
  // More than any picture needs, but for those that are noise at the best quality.
  ARROW_ASSIGN_OR_RAISE(auto room, arrow::AllocateResizableBuffer(shape.bytes() + kJpegHeadBytes, pool));
  unsigned char* out = room->mutable_data();
  auto bytes = static_cast<unsigned long>(room->size());
  JpegWriter writer;
  const Status status = writer.Write(pixels, shape, quality, &out, &bytes);
  const std::unique_ptr<unsigned char, decltype(&std::free)> larger(out == room->data() ? nullptr : out, &std::free);
  ARROW_RETURN_NOT_OK(status);
  ARROW_RETURN_NOT_OK(room->Resize(static_cast<int64_t>(bytes), /*shrink_to_fit=*/false));
  if (larger != nullptr) std::memcpy(room->mutable_data(), larger.get(), bytes);
  return std::shared_ptr<arrow::Buffer>(std::move(room));
}

}  // namespace millstream
