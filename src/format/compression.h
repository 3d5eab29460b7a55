#pragma once
/// Codecs by the names that people give them.

#include <arrow/util/compression.h>

#include <string>
#include <vector>

#include "base/status.h"

namespace millstream {

using CompressionTypes = std::vector<arrow::Compression::type>;

/// Those that a stream of bytes can be compressed with, whatever is in it.
const CompressionTypes& StreamCompressions();

/// "snappy", "zstd", "gzip", "bz2", "lz4", "brotli", "none", in any case; kInvalidArgument for another, or one that is not among `known`.
Result<arrow::Compression::type> ParseCompression(const std::string& name, const CompressionTypes& known);

/// Behind the name of a file that is compressed as a whole: ".gz", ".bz2", ".zst", ".lz4", ".br", "" for kUncompressed.
std::string CompressionSuffix(arrow::Compression::type type);

}  // namespace millstream
