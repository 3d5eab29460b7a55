#include "format/json/json_values.h"

#include <algorithm>

#include "format/file_text.h"

namespace millstream {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The quote that ends the string whose first one is at `begin`; npos where it goes on behind the text.
size_t StringEnd(std::string_view text, size_t begin) {
  for (size_t at = begin + 1;; at += 2) {
    at = text.find_first_of("\"\\", at);
    if (at == std::string_view::npos || text[at] == '"') return at;
  }
}

/// Behind the object that begins at `begin`; npos where it goes on behind the text.
size_t ObjectBehind(std::string_view text, size_t begin) {
  int64_t depth = 0;
  for (size_t at = begin;; ++at) {
    at = text.find_first_of("{}[]\"", at);
    if (at == std::string_view::npos) return at;
    const char letter = text[at];
    if (letter == '"') {
      at = StringEnd(text, at);
      if (at == std::string_view::npos) return at;
      continue;
    }
    depth += letter == '{' || letter == '[' ? 1 : -1;
    if (depth == 0) return at + 1;
  }
}

Status NoObject(std::string_view text, size_t at) {
  return MakeError(ErrorKind::kCorruptData, std::string("there is '") + text[at] + "' where an object, {...}, should begin; rows of a JSON file are objects");
}

/// A carriage return is white space as a line feed is, and as little allowed in a string.
void AppendAsLine(std::string_view object, std::string* lines) {
  const size_t begin = lines->size();
  lines->append(object);
  std::replace(lines->begin() + static_cast<std::ptrdiff_t>(begin), lines->end(), '\n', '\r');
  lines->push_back('\n');
}

}  // namespace

JsonLayout LayoutOf(std::string_view text, bool is_whole) {
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return JsonLayout::kLines;
  if (text[begin] == '[') return JsonLayout::kArray;
  const size_t line_end = text.find('\n', begin);
  const size_t object_end = ObjectBehind(text, begin);
  if (object_end == std::string_view::npos) return line_end == std::string_view::npos && !is_whole ? JsonLayout::kLines : JsonLayout::kValues;
  return line_end == std::string_view::npos || object_end <= line_end ? JsonLayout::kLines : JsonLayout::kValues;
}

Status JsonValues::Split(std::string_view text, std::string* lines, size_t* taken) {
  size_t at = 0;
  *taken = 0;
  for (;;) {
    at = text.find_first_not_of(kSpace, at);
    *taken = at == std::string_view::npos ? text.size() : at;
    if (at == std::string_view::npos) return Status::OK();
    const char letter = text[at];
    switch (expected_) {
      case Expected::kBegin:
        expected_ = in_array_ ? Expected::kValueOrEnd : Expected::kValue;
        if (in_array_) ++at;
        continue;
      case Expected::kSeparator:
        if (letter == ']') expected_ = Expected::kNothing;
        else if (letter == ',') expected_ = Expected::kValue;
        else return MakeError(ErrorKind::kCorruptData, std::string("there is '") + letter + "' where ',' or ']' should be");
        ++at;
        continue;
      case Expected::kNothing:
        return MakeError(ErrorKind::kCorruptData, "there is text behind the end of the array");
      case Expected::kValueOrEnd:
        if (letter == ']') {
          expected_ = Expected::kNothing;
          ++at;
          continue;
        }
        [[fallthrough]];
      case Expected::kValue:
        if (letter != '{') return NoObject(text, at);
        const size_t behind = ObjectBehind(text, at);
        if (behind == std::string_view::npos) return Status::OK();
        AppendAsLine(text.substr(at, behind - at), lines);
        if (in_array_) expected_ = Expected::kSeparator;
        at = behind;
    }
  }
}

Status JsonValues::Finish(std::string_view rest) const {
  const bool goes_on = rest.find_first_not_of(kSpace) != std::string_view::npos;
  if (goes_on) return MakeError(ErrorKind::kCorruptData, "its last object has no end; the file may be cut short");
  if (in_array_ && expected_ != Expected::kNothing) return MakeError(ErrorKind::kCorruptData, "its array has no end; the file may be cut short");
  return Status::OK();
}

}  // namespace millstream
