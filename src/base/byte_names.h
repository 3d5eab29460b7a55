#pragma once
/// Lists of texts, as byte_codec.h writes other things.

#include <string>
#include <vector>

#include "base/byte_codec.h"

namespace millstream {

inline void WriteNames(const std::vector<std::string>& names, ByteWriter* out) {
  out->Number<uint64_t>(names.size());
  for (const std::string& name : names) out->String(name);
}

inline Result<std::vector<std::string>> ReadNames(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(8));
  std::vector<std::string> names;
  for (uint64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto name, in->String());
    names.emplace_back(name);
  }
  return names;
}

}  // namespace millstream
