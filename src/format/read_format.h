#pragma once
/// Formats that plans name.

#include <memory>
#include <vector>

#include "format/file_format.h"

namespace millstream {

Status WriteFormat(const FileFormat& format, ByteWriter* out);
/// What WriteFormat wrote, over the same listing. kCorruptData for bytes that are not that.
Result<std::shared_ptr<const FileFormat>> ReadFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

}  // namespace millstream
