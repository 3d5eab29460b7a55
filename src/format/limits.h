#pragma once
/// The limits that readers are told (millstream/read_limits.h): whether they can be, what is said where one is exceeded, and their form in plans that travel.

#include <arrow/type.h>

#include <string>

#include "base/byte_codec.h"
#include "millstream/read_limits.h"

namespace millstream {

struct ReadLimit {
  const char* name;
  int64_t ReadLimits::*value;
  int64_t most;
};

/// All of them, in the order in which they travel. Bytes are what parsers and values can have, levels of nesting what plans
/// that travel can.
inline constexpr ReadLimit kReadLimits[] = {{"line_bytes", &ReadLimits::line_bytes, int64_t{1} << 30},
                                            {"record_bytes", &ReadLimits::record_bytes, int64_t{1} << 30},
                                            {"nesting", &ReadLimits::nesting, 120},
                                            {"columns", &ReadLimits::columns, int64_t{1} << 62},
                                            {"decompressed_ratio", &ReadLimits::decompressed_ratio, int64_t{1} << 62},
                                            {"pixels", &ReadLimits::pixels, int64_t{1} << 62}};

/// kInvalidArgument, naming it, for a limit that cannot be.
Status CheckLimits(const ReadLimits& limits);

/// kCorruptData that tells how to raise the limit, by its name.
Status OverLimit(const std::string& what, const std::string& limit);

/// OverLimit where a schema that a file tells of has too many columns, or too many within each other. `where` begins the message.
Status CheckSchema(const arrow::Schema& schema, const ReadLimits& limits, const std::string& where);

/// OverLimit where a file of `stored` bytes decompresses to so many that `limits` do not allow it.
Status CheckDecompressed(const std::string& path, int64_t stored, int64_t bytes, const ReadLimits& limits);

void WriteLimits(const ReadLimits& limits, ByteWriter* out);
/// What WriteLimits wrote. kCorruptData for what cannot be.
Status ReadLimitsFrom(ByteReader* in, ReadLimits* limits);

}  // namespace millstream
