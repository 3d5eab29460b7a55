#pragma once
/// Cuts the text of a filter into tokens, for parse_filter.cc.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millstream {

struct FilterToken {
  enum class Kind : uint8_t { kName, kInteger, kFloat, kString, kBytes, kSymbol, kEnd };
  Kind kind = Kind::kEnd;
  size_t begin = 0;      // byte offset in the text
  std::string text;      // a name, a symbol, a string's value, a number without underscores
  uint64_t integer = 0;
  double number = 0;

  bool Is(std::string_view symbol_or_name) const { return (kind == Kind::kSymbol || kind == Kind::kName) && text == symbol_or_name; }
};

/// The last token is kEnd, at the end of the text.
Result<std::vector<FilterToken>> CutFilter(std::string_view text);

/// The error that both stages give: what is wrong, the text with a caret under byte `at`.
Status FilterError(std::string_view text, size_t at, const std::string& message);

}  // namespace millstream
