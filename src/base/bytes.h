#pragma once
/// Byte sizes as people write them: "512MB", "1.5 GiB", "4096".

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millstream {

/// A number, optionally with a fraction, and a unit: B, KB, MB, GB, TB (powers of 1000; the B may be left out) or KiB, MiB, GiB, TiB
/// (powers of 1024), in any case, a space allowed between. kInvalidArgument naming the text otherwise, or when it is not within int64.
Result<int64_t> ParseBytes(std::string_view text);

/// For messages: "17 B", "1.5 MB", "2 GB" (powers of 1000, at most two decimals, rounded to nearest).
std::string FormatBytes(int64_t bytes);

}  // namespace millstream
