#include "format/json/json_shape.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "format/limits.h"

namespace millstream {
namespace {

constexpr std::array<bool, 256> MarksOf(std::string_view marks) {
  std::array<bool, 256> are = {};
  for (const char mark : marks) are[static_cast<uint8_t>(mark)] = true;
  return are;
}

constexpr std::array<bool, 256> kIsMark = MarksOf("{}[]:\"");

/// Calls `take` with each bracket and colon that is in no string, where it is, and the string before it; until it gives false.
template <typename Take>
void ForEachMark(std::string_view text, const Take& take) {
  std::string_view last;
  for (size_t at = 0; at < text.size(); ++at) {
    const char mark = text[at];
    if (!kIsMark[static_cast<uint8_t>(mark)]) continue;
    if (mark == '"') {
      const size_t begin = at + 1;
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\';
      last = text.substr(begin, at - begin);
    } else if (!take(mark, at, last)) {
      return;
    }
  }
}

bool Opens(char mark) { return mark == '{' || mark == '['; }

/// A number for each field, by its name and what it is in; the objects of a list are one.
class FieldPlaces {
 public:
  /// Whether there are more than so many.
  bool IsMoreWith(char mark, std::string_view name, size_t fields_max) {
    if (mark == ':') {
      value_ = std::hash<std::string_view>{}(name) * 31 + (open_.empty() ? 0 : open_.back()) * 0x9e3779b97f4a7c15;
      fields_.insert(value_);
    } else if (Opens(mark)) {
      open_.push_back(value_);
    } else if (!open_.empty()) {
      open_.pop_back();
      value_ = open_.empty() ? 0 : open_.back();
    }
    return fields_.size() > fields_max;
  }

 private:
  uint64_t value_ = 0;          // of the field whose value comes next
  std::vector<uint64_t> open_;  // of what that is in
  std::unordered_set<uint64_t> fields_;
};

std::string Place(size_t at) { return ", " + std::to_string(at) + " bytes on"; }

}  // namespace

Status CheckJsonShape(std::string_view text, const ReadLimits& limits) {
  // The object that is a row is none of the levels.
  const int64_t depth_max = limits.nesting + 1;
  int64_t depth = 0, fields = 0;
  size_t too_deep = std::string_view::npos;
  ForEachMark(text, [&](char mark, size_t at, std::string_view) {
    if (mark == ':') ++fields;
    else depth = Opens(mark) ? depth + 1 : std::max<int64_t>(depth - 1, 0);
    if (depth > depth_max) too_deep = at;
    return depth <= depth_max;
  });
  if (too_deep != std::string_view::npos) {
    return OverLimit("there are more than " + std::to_string(limits.nesting) + " lists and objects within each other" + Place(too_deep), "nesting");
  }
  if (fields <= limits.columns) return Status::OK();
  FieldPlaces places;
  size_t too_many = std::string_view::npos;
  ForEachMark(text, [&](char mark, size_t at, std::string_view name) {
    const bool is_more = places.IsMoreWith(mark, name, static_cast<size_t>(limits.columns));
    if (is_more) too_many = at;
    return !is_more;
  });
  if (too_many == std::string_view::npos) return Status::OK();
  return OverLimit("there are more than " + std::to_string(limits.columns) + " columns, those within structs counted" + Place(too_many), "columns");
}

}  // namespace millstream
