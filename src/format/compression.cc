#include "format/compression.h"

#include <algorithm>
#include <cctype>

namespace millstream {
namespace {

using arrow::Compression;

struct Codec {
  Compression::type type;
  const char* name;
  const char* suffix;
};

constexpr Codec kCodecs[] = {{Compression::SNAPPY, "snappy", ".snappy"}, {Compression::ZSTD, "zstd", ".zst"},  {Compression::GZIP, "gzip", ".gz"},
                             {Compression::BZ2, "bz2", ".bz2"},          {Compression::LZ4_FRAME, "lz4", ".lz4"}, {Compression::LZ4, "lz4", ".lz4"},
                             {Compression::BROTLI, "brotli", ".br"},     {Compression::UNCOMPRESSED, "none", ""}};

bool Has(const CompressionTypes& known, Compression::type type) {
  return std::find(known.begin(), known.end(), type) != known.end() && arrow::util::Codec::IsAvailable(type);
}

}  // namespace

const CompressionTypes& StreamCompressions() {
  static const CompressionTypes kTypes = {Compression::GZIP, Compression::BZ2, Compression::ZSTD, Compression::LZ4_FRAME, Compression::BROTLI,
                                          Compression::UNCOMPRESSED};
  return kTypes;
}

Result<Compression::type> ParseCompression(const std::string& name, const CompressionTypes& known) {
  std::string lower;
  for (const char letter : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  std::string names;
  for (const Codec& codec : kCodecs) {
    if (!Has(known, codec.type)) continue;
    if (lower == codec.name) return codec.type;
    names += (names.empty() ? "'" : codec.type == Compression::UNCOMPRESSED ? " or '" : ", '") + std::string(codec.name) + "'";
  }
  return MakeError(ErrorKind::kInvalidArgument, "Unknown compression '" + name + "': use " + names);
}

std::string CompressionSuffix(Compression::type type) {
  for (const Codec& codec : kCodecs) {
    if (codec.type == type) return codec.suffix;
  }
  return "";
}

}  // namespace millstream
