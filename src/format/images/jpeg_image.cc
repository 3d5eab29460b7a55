#include "format/images/jpeg_image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

#include "format/images/mix_rows.h"
#include "format/images/scale_plane.h"

namespace millstream {
namespace {

constexpr int kRowsAtOnce = 16;
constexpr int kPlanesMax = 3;
constexpr int kScansMax = 100;
constexpr long kCoefficientBytesMax = 1L << 30;
constexpr int kPlaneRowsMax = MAX_SAMP_FACTOR * DCTSIZE;

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
    progress_.progress_monitor = &CheckScans;
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
      decoder_.progress = &progress_;
      decoder_.mem->max_memory_to_use = kCoefficientBytesMax;
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
  /// Whether channels can be had as they are stored: luminance, and colour differences of fewer pixels.
  bool has_planes() const { return decoder_.jpeg_color_space == JCS_GRAYSCALE || decoder_.jpeg_color_space == JCS_YCbCr; }
  int planes() const { return decoder_.num_components; }
  Status StartPlanes(unsigned eighths) {
    return Guarded([&] {
      decoder_.scale_num = eighths;
      decoder_.scale_denom = 8;
      decoder_.raw_data_out = TRUE;
      jpeg_start_decompress(&decoder_);
    });
  }
  /// Of a plane that has no bytes yet; there are as many as are read, which is whole blocks.
  Plane PlaneOf(int number, int64_t* rows) const {
    const jpeg_component_info& component = decoder_.comp_info[number];
    const double scale = component.DCT_scaled_size / 8.0;
    Plane plane;
    plane.stride = static_cast<int64_t>(component.width_in_blocks) * component.DCT_scaled_size;
    *rows = static_cast<int64_t>(decoder_.total_iMCU_rows) * component.v_samp_factor * component.DCT_scaled_size;
    plane.extent_height = static_cast<double>(decoder_.image_height) * component.v_samp_factor / decoder_.max_v_samp_factor * scale;
    plane.extent_width = static_cast<double>(decoder_.image_width) * component.h_samp_factor / decoder_.max_h_samp_factor * scale;
    plane.height = std::min(static_cast<int64_t>(std::ceil(plane.extent_height)), *rows);
    plane.width = std::min(static_cast<int64_t>(std::ceil(plane.extent_width)), plane.stride);
    return plane;
  }
  Status ReadPlanes(const std::vector<uint8_t*>& planes) {
    return Guarded([&] {
      JSAMPROW rows[kPlanesMax][kPlaneRowsMax];
      JSAMPARRAY arrays[kPlanesMax];
      for (JDIMENSION group = 0; group < decoder_.total_iMCU_rows; ++group) {
        for (int number = 0; number < decoder_.num_components; ++number) {
          const jpeg_component_info& component = decoder_.comp_info[number];
          const int count = component.v_samp_factor * component.DCT_scaled_size;
          const size_t stride = size_t{component.width_in_blocks} * static_cast<size_t>(component.DCT_scaled_size);
          for (int row = 0; row < count; ++row) rows[number][row] = planes[static_cast<size_t>(number)] + (size_t{group} * static_cast<size_t>(count) + static_cast<size_t>(row)) * stride;
          arrays[number] = rows[number];
        }
        jpeg_read_raw_data(&decoder_, arrays, static_cast<JDIMENSION>(decoder_.max_v_samp_factor * decoder_.min_DCT_scaled_size));
      }
      jpeg_finish_decompress(&decoder_);
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

  /// All coefficients are visited for each scan, be it of a few bytes.
  static void CheckScans(j_common_ptr decoder) {
    if (reinterpret_cast<j_decompress_ptr>(decoder)->input_scan_number <= kScansMax) return;
    auto* errors = reinterpret_cast<Errors*>(decoder->err);
    std::snprintf(errors->message.data(), errors->message.size(), "it has more than %d scans", kScansMax);
    longjmp(errors->jump, 1);
  }

  jpeg_progress_mgr progress_ = {};
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

/// The fewest eighths that leave the sides as long as they are to be, of those that libjpeg-turbo has fast code for.
unsigned EighthsFor(const ImageShape& stored, int64_t height, int64_t width) {
  unsigned eighths = 1;
  while (eighths < 8 && (stored.height * eighths / 8 < height || stored.width * eighths / 8 < width)) eighths *= 2;
  return eighths;
}

/// Scales the channels as they are stored, so that nothing is done for pixels that are not wanted.
Result<Pixels> DecodePlanes(JpegReader* reader, int channels, int64_t height, int64_t width, arrow::MemoryPool* pool) {
  ARROW_RETURN_NOT_OK(reader->StartPlanes(EighthsFor(reader->shape(), height, width)));
  std::vector<Plane> planes;
  std::vector<uint8_t*> bytes;
  for (int number = 0; number < reader->planes(); ++number) {
    int64_t rows;
    Plane plane = reader->PlaneOf(number, &rows);
    ARROW_ASSIGN_OR_RAISE(plane.bytes, arrow::AllocateBuffer(plane.stride * rows, pool));
    bytes.push_back(plane.bytes->mutable_data());
    planes.push_back(std::move(plane));
  }
  ARROW_RETURN_NOT_OK(reader->ReadPlanes(bytes));
  ARROW_ASSIGN_OR_RAISE(auto luminance, ScalePlane(planes[0], PlaneScaling(planes[0], height, width), pool));
  const bool is_gray = channels == 1 || planes.size() == 1;
  if (is_gray) return WithChannels({{height, width, 1}, std::move(luminance)}, channels, pool);
  const PlaneScaling scaling(planes[1], height, width);
  const bool same = planes[1].height == planes[2].height && planes[1].width == planes[2].width;
  ARROW_ASSIGN_OR_RAISE(const auto blue, ScalePlane(planes[1], scaling, pool));
  ARROW_ASSIGN_OR_RAISE(const auto red, ScalePlane(planes[2], same ? scaling : PlaneScaling(planes[2], height, width), pool));
  ARROW_ASSIGN_OR_RAISE(Pixels pixels, AllocatePixels({height, width, 3}, pool));
  RgbOfYcc(luminance->data(), blue->data(), red->data(), height * width, pixels.bytes->mutable_data());
  return WithChannels(std::move(pixels), channels, pool);
}

}  // namespace

bool IsJpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

Result<ImageShape> JpegShape(std::string_view bytes) {
  JpegReader reader;
  ARROW_RETURN_NOT_OK(reader.ReadHeader(bytes));
  return reader.shape();
}

Result<Pixels> DecodeJpeg(std::string_view bytes, int channels, int64_t height, int64_t width, arrow::MemoryPool* pool) {
  JpegReader reader;
  ARROW_RETURN_NOT_OK(reader.ReadHeader(bytes));
  const bool resizes = height > 0 && ImageShape{height, width, reader.shape().channels} != reader.shape();
  if (resizes && reader.has_planes()) return DecodePlanes(&reader, channels, height, width, pool);
  ARROW_RETURN_NOT_OK(reader.Start(channels, resizes ? EighthsFor(reader.shape(), height, width) : 8));
  ARROW_ASSIGN_OR_RAISE(Pixels pixels, AllocatePixels(reader.output(), pool));
  ARROW_RETURN_NOT_OK(reader.ReadRows(pixels.bytes->mutable_data()));
  if (reader.is_cmyk()) {
    ARROW_ASSIGN_OR_RAISE(pixels, FromCmyk(pixels, pool));
  }
  ARROW_ASSIGN_OR_RAISE(pixels, WithChannels(std::move(pixels), channels, pool));
  return resizes ? Resized(std::move(pixels), height, width, pool) : pixels;
}

}  // namespace millstream
