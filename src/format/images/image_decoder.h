#pragma once
/// Who decodes the pictures that no library of ours does. The Python module gives one that asks Pillow (bindings/image_decoder.cc); without Python there is none.
///
/// It belongs to the process and not to an engine or a plan, for it has no state: plans that travel find that of the process they come to, and engines share it.

#include <cstdint>
#include <string_view>

#include "format/images/pixels.h"

namespace millstream {

/// Called from any thread, several at a time, without a lock held. `format`: the one that the bytes are read as, by Pillow's name.
/// Statuses without a detail say what is damaged; the others are the whole message, without the name of the file.
class ImageDecoder {
 public:
  virtual ~ImageDecoder() = default;
  /// Of the picture as it is stored: 1 channel, 3 of colours, 4 where there is transparency. Decodes no pixels.
  virtual Result<ImageShape> Shape(const char* format, std::string_view bytes) const = 0;
  /// Fills `out`, of shape.bytes() bytes; `shape` is what Shape told.
  virtual Status Decode(const char* format, std::string_view bytes, const ImageShape& shape, uint8_t* out) const = 0;
};

/// `decoder` is never destroyed.
void SetImageDecoder(const ImageDecoder* decoder);
/// Null: there is none.
const ImageDecoder* GetImageDecoder();

}  // namespace millstream
