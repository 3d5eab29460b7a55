#pragma once
/// Lines that are longer than may be: they are found without looking at each line, and passed over where bad rows are.

#include <functional>
#include <string>
#include <string_view>

#include "format/bad_data.h"
#include "format/file_text.h"

namespace millstream {

/// Where the first line begins that has more bytes before its end; npos where none has.
size_t LongLine(std::string_view text, int64_t bytes_max, LineEnd end);

/// Passes over long lines of a text that may come in pieces. One thread at a time.
class LongLines {
 public:
  /// `bad` may be null: a long line is an error.
  LongLines(std::string path, LineEnd end, int64_t bytes_max, BadParts* bad) : path_(std::move(path)), end_(end), bytes_max_(bytes_max), bad_(bad) {}

  /// How many bytes at the beginning of the text are of a long line; it is noted once. `begin`: of the text, in the file; negative where that is not known. kCorruptData.
  Result<size_t> Skip(std::string_view text, int64_t begin, bool is_last);
  /// Whether the line that was skipped goes on behind the text. What Skip left of the text comes again before what is behind it.
  bool goes_on() const { return goes_on_; }
  /// How many bytes there are before the next long line.
  size_t Before(std::string_view text) const { return std::min(LongLine(text, bytes_max_, end_), text.size()); }

  /// Calls `take` with whole lines, as many as follow one another without a long one, and with where they begin. Returns how many bytes of the text need not come again.
  Result<size_t> Each(std::string_view text, int64_t begin, bool is_last, const std::function<Status(std::string_view lines, int64_t begin)>& take);

 private:
  const std::string path_;
  const LineEnd end_;
  const int64_t bytes_max_;
  BadParts* const bad_;
  bool goes_on_ = false;
};

}  // namespace millstream
