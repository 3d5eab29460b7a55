#include "format/images/png_image.h"

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

namespace millstream {
namespace {

constexpr png_alloc_size_t kChunkBytesMax = 8 << 20;
constexpr png_uint_32 kSideMax = 1 << 24;
constexpr png_byte kIgnoredChunks[] = "tEXt\0zTXt\0iTXt\0iCCP\0sPLT\0eXIf\0hIST";  // each with its zero

/// libpng tells of an error by a call that must not return.
class PngReader {
 public:
  explicit PngReader(std::string_view bytes) : bytes_(bytes) {
    const auto on_error = [](png_structp png, png_const_charp message) {
      auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
      std::snprintf(reader->message_.data(), reader->message_.size(), "%s", message);
      longjmp(reader->jump_, 1);
    };
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Status ReadHeader() {
    if (info_ == nullptr) return Status::OutOfMemory("no memory to read a PNG");
    return Guarded([&] {
      png_set_user_limits(png_, kSideMax, kSideMax);
      png_set_chunk_malloc_max(png_, kChunkBytesMax);
      // Texts and profiles would be kept, and are not looked at.
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kIgnoredChunks, sizeof(kIgnoredChunks) / 5);
      png_set_chunk_cache_max(png_, 2);
      png_set_read_fn(png_, this, [](png_structp png, png_bytep out, size_t count) {
        auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
        if (count > reader->bytes_.size()) png_error(png, "it ends too early");
        std::memcpy(out, reader->bytes_.data(), count);
        reader->bytes_.remove_prefix(count);
      });
      png_read_info(png_, info_);
      png_set_expand(png_);
      png_set_scale_16(png_);
      const int color = png_get_color_type(png_, info_);
      const bool has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
      if (has_alpha) png_set_gray_to_rgb(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
  }
  ImageShape shape() const { return {png_get_image_height(png_, info_), png_get_image_width(png_, info_), png_get_channels(png_, info_)}; }

  Status ReadRows(uint8_t* out) {
    const size_t row_bytes = png_get_rowbytes(png_, info_);
    std::vector<png_bytep> rows(png_get_image_height(png_, info_));
    for (size_t y = 0; y < rows.size(); ++y) rows[y] = out + y * row_bytes;
    return Guarded([&] {
      png_read_image(png_, rows.data());
      png_read_end(png_, nullptr);
    });
  }

 private:
  /// Nothing that `call` makes may need to be destroyed.
  template <typename Call>
  Status Guarded(const Call& call) {
    if (setjmp(jump_) != 0) return Status::Invalid(message_.data());
    call();
    return Status::OK();
  }

  std::string_view bytes_;  // not read yet
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  jmp_buf jump_;
  std::array<char, 200> message_ = {};
};

}  // namespace

bool IsPng(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }

Result<ImageShape> PngShape(std::string_view bytes) {
  PngReader reader(bytes);
  ARROW_RETURN_NOT_OK(reader.ReadHeader());
  return reader.shape();
}

Result<Pixels> DecodePng(std::string_view bytes, arrow::MemoryPool* pool) {
  PngReader reader(bytes);
  ARROW_RETURN_NOT_OK(reader.ReadHeader());
  ARROW_ASSIGN_OR_RAISE(Pixels pixels, AllocatePixels(reader.shape(), pool));
  ARROW_RETURN_NOT_OK(reader.ReadRows(pixels.bytes->mutable_data()));
  return pixels;
}

}  // namespace millstream
