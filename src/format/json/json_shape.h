#pragma once
/// How deep and how wide the objects of a JSON text are, before a parser makes columns of them.

#include <string_view>

#include "base/status.h"
#include "millstream/read_limits.h"

namespace millstream {

/// kCorruptData where a value has more lists and objects within each other than the limits let, or where there are more fields of different names and places. Says what
/// is wrong and how far into the text, and not in which file. What is no JSON may be told of as either, or not at all.
Status CheckJsonShape(std::string_view text, const ReadLimits& limits);

}  // namespace millstream
