#pragma once
/// Formats that plans name.

#include <memory>
#include <string_view>
#include <vector>

#include "format/file_format.h"

namespace millstream {

/// What FileFormat::Write of the format of this reader wrote, over the same listing. kCorruptData for bytes that are not that.
Result<std::shared_ptr<const FileFormat>> ReadFormat(std::string_view reader, std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

}  // namespace millstream
