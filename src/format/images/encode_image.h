#pragma once
/// Pixels as the bytes of a picture file.

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <cstdint>
#include <memory>

#include "format/images/pixels.h"

namespace millstream {

/// `pixels` has shape.bytes() bytes. Statuses of no kind: what the library says, or channels that the format does not have.
Result<std::shared_ptr<arrow::Buffer>> EncodePng(const uint8_t* pixels, ImageShape shape, arrow::MemoryPool* pool);
/// `quality`: 1 to 100.
Result<std::shared_ptr<arrow::Buffer>> EncodeJpeg(const uint8_t* pixels, ImageShape shape, int quality, arrow::MemoryPool* pool);

}  // namespace millstream
