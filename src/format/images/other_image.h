#pragma once
/// TIFF, WebP, GIF, BMP and PPM with its kin, by the process's ImageDecoder. What they are is told by their first bytes; nothing else is tried.

#include <string_view>

#include "format/images/pixels.h"

namespace millstream {

bool IsOtherImage(std::string_view bytes);

/// Whether its shape may be told anywhere in the file, so that the beginning is of no use.
bool NeedsWholeFile(std::string_view bytes);

/// Of the picture as it is stored, the first one of several: 1 channel; 3 of colours; 4 where there is transparency. Statuses without a detail say what is damaged;
/// kInvalidArgument without a decoder, and where it is known what the bytes are and they are not read; kCorruptData for anything else.
Result<ImageShape> OtherShape(std::string_view bytes);

/// `shape` is OtherShape's.
Result<Pixels> DecodeOther(std::string_view bytes, const ImageShape& shape, arrow::MemoryPool* pool);

}  // namespace millstream
