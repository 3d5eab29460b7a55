#include "format/images/jpeg_image.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

namespace millstream {
namespace {

constexpr int kRowsAtOnce = 16;

/// libjpeg tells of an error by a call that must not return.
class JpegReader {
 public:
  JpegReader() {
    decoder_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = [](j_common_ptr decoder) {
      auto* errors = reinterpret_cast<Errors*>(decoder->err);
      decoder->err->format_message(decoder, errors->message.data());
      longjmp(errors->jump, 1);
    };
    errors_.manager.emit_message = [](j_common_ptr decoder, int level) {
      // Other oddities leave a picture as everybody sees it.
      if (level < 0 && decoder->err->msg_code == JWRN_JPEG_EOF) decoder->err->error_exit(decoder);
    };
  }
  ~JpegReader() { jpeg_destroy_decompress(&decoder_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  Status ReadHeader(std::string_view bytes) {
    return Guarded([&] {
      jpeg_create_decompress(&decoder_);
      jpeg_mem_src(&decoder_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      jpeg_read_header(&decoder_, TRUE);
    });
  }
  ImageShape shape() const { return {decoder_.image_height, decoder_.image_width, decoder_.num_components == 1 ? 1 : 3}; }
  bool is_cmyk() const { return decoder_.num_components == 4; }

  /// Of 8ths; the channels are 4 where is_cmyk().
  Status Start(int channels, unsigned eighths) {
    return Guarded([&] {
      decoder_.scale_num = eighths;
      decoder_.scale_denom = 8;
      decoder_.out_color_space = is_cmyk() ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_EXT_RGBA;
      jpeg_start_decompress(&decoder_);
    });
  }
  ImageShape output() const { return {decoder_.output_height, decoder_.output_width, decoder_.output_components}; }

  Status ReadRows(uint8_t* out) {
    const size_t row_bytes = size_t{decoder_.output_width} * static_cast<size_t>(decoder_.output_components);
    return Guarded([&] {
      while (decoder_.output_scanline < decoder_.output_height) {
        JSAMPROW rows[kRowsAtOnce];
        const unsigned count = std::min<unsigned>(kRowsAtOnce, decoder_.output_height - decoder_.output_scanline);
        for (unsigned i = 0; i < count; ++i) rows[i] = out + (decoder_.output_scanline + i) * row_bytes;
        jpeg_read_scanlines(&decoder_, rows, count);
      }
      jpeg_finish_decompress(&decoder_);
    });
  }

 private:
  struct Errors {
    jpeg_error_mgr manager;  // first, for it is what libjpeg hands back
    jmp_buf jump;
    std::array<char, JMSG_LENGTH_MAX> message;
  };

  /// Nothing that `call` makes may need to be destroyed.
  template <typename Call>
  Status Guarded(const Call& call) {
    if (setjmp(errors_.jump) != 0) return Status::Invalid(errors_.message.data());
    call();
    return Status::OK();
  }

  jpeg_decompress_struct decoder_ = {};
  Errors errors_;
};

/// Adobe's are stored inverted, and there are no others.
Result<Pixels> FromCmyk(const Pixels& cmyk, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(Pixels rgb, AllocatePixels({cmyk.shape.height, cmyk.shape.width, 3}, pool));
  const uint8_t* from = cmyk.bytes->data();
  uint8_t* to = rgb.bytes->mutable_data();
  for (int64_t i = 0; i < cmyk.shape.height * cmyk.shape.width; ++i, from += 4, to += 3) {
    for (int channel = 0; channel < 3; ++channel) to[channel] = static_cast<uint8_t>((from[channel] * from[3] + 127) / 255);
  }
  return rgb;
}

/// The fewest eighths that leave the sides as long as they are to be.
unsigned EighthsFor(const ImageShape& stored, int64_t height_min, int64_t width_min) {
  if (height_min == 0) return 8;
  unsigned eighths = 1;
  while (eighths < 8 && (stored.height * eighths / 8 < height_min || stored.width * eighths / 8 < width_min)) ++eighths;
  return eighths;
}

}  // namespace

bool IsJpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

Result<ImageShape> JpegShape(std::string_view bytes) {
  JpegReader reader;
  ARROW_RETURN_NOT_OK(reader.ReadHeader(bytes));
  return reader.shape();
}

Result<Pixels> DecodeJpeg(std::string_view bytes, int channels, int64_t height_min, int64_t width_min, arrow::MemoryPool* pool) {
  JpegReader reader;
  ARROW_RETURN_NOT_OK(reader.ReadHeader(bytes));
  ARROW_RETURN_NOT_OK(reader.Start(channels, EighthsFor(reader.shape(), height_min, width_min)));
  ARROW_ASSIGN_OR_RAISE(Pixels pixels, AllocatePixels(reader.output(), pool));
  ARROW_RETURN_NOT_OK(reader.ReadRows(pixels.bytes->mutable_data()));
  if (!reader.is_cmyk()) return pixels;
  ARROW_ASSIGN_OR_RAISE(pixels, FromCmyk(pixels, pool));
  return WithChannels(std::move(pixels), channels, pool);
}

}  // namespace millstream
