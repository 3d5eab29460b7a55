#include "format/long_lines.h"

#include <algorithm>

namespace millstream {
namespace {

int64_t Place(int64_t begin, size_t at) { return begin < 0 ? begin : begin + static_cast<int64_t>(at); }

}  // namespace

size_t LongLine(std::string_view text, int64_t bytes_max, LineEnd end) {
  const auto most = static_cast<size_t>(bytes_max);
  size_t at = 0;
  // From one line end to the last one that is near enough.
  while (text.size() - at > most) {
    const std::string_view near = text.substr(at, most + 1);
    const size_t last = end == LineEnd::kAny ? near.find_last_of("\r\n") : near.rfind('\n');
    if (last == std::string_view::npos) return at;
    at += last + 1;
  }
  return std::string_view::npos;
}

Result<size_t> LongLines::Skip(std::string_view text, int64_t begin, bool is_last) {
  if (!goes_on_) {
    if (LongLine(text, bytes_max_, end_) != 0) return 0;
    Status error = TooLong(path_, begin, bytes_max_);
    if (bad_ == nullptr) return error;
    bad_->AddRow(begin, std::move(error));
  }
  const size_t behind = LineBehind(text, 0, end_);
  goes_on_ = behind == std::string_view::npos && !is_last;
  if (behind != std::string_view::npos) return behind;
  // Behind a carriage return there may be its line feed.
  return goes_on_ && end_ == LineEnd::kAny && text.ends_with('\r') ? text.size() - 1 : text.size();
}

Result<size_t> LongLines::Each(std::string_view text, int64_t begin, bool is_last, const std::function<Status(std::string_view lines, int64_t begin)>& take) {
  size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    ARROW_ASSIGN_OR_RAISE(const size_t skipped, Skip(rest, Place(begin, at), is_last));
    at += skipped;
    if (goes_on_) return at;
    if (skipped > 0) continue;
    const size_t before = Before(rest);
    const size_t whole = is_last || before < rest.size() ? before : LastLineBehind(rest, end_);
    if (whole == 0) return at;
    ARROW_RETURN_NOT_OK(take(rest.substr(0, whole), Place(begin, at)));
    at += whole;
  }
  return at;
}

}  // namespace millstream
