#pragma once
/// The checksum of TFRecord files: CRC-32C (Castagnoli), masked so that checksums of data that holds checksums stay good ones.

#include <cstdint>
#include <string_view>

namespace millstream {

uint32_t Crc32c(std::string_view bytes);
uint32_t MaskedCrc32c(std::string_view bytes);

}  // namespace millstream
