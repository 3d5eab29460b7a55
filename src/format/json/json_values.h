#pragma once
/// Where the objects of a JSON text end that are not one a line: those of an array, or one behind the other.

#include <string>
#include <string_view>

#include "base/status.h"

namespace millstream {

enum class JsonLayout : uint8_t {
  kLines,   // an object a line
  kArray,   // of objects
  kValues,  // objects with nothing but white space between
};

/// As the first bytes of a file tell; `is_whole` where they are all of it.
JsonLayout LayoutOf(std::string_view text, bool is_whole);

/// Hands out the objects of a text that comes in pieces. Errors say what is wrong, and not where: begin() tells that.
class JsonValues {
 public:
  explicit JsonValues(JsonLayout layout) : in_array_(layout == JsonLayout::kArray) {}

  /// Appends the whole objects of `text` to `lines`, each as one line; `taken` is how many bytes of it need not come again. kCorruptData for what is no object.
  Status Split(std::string_view text, std::string* lines, size_t* taken);
  /// kCorruptData where `rest`, behind what was taken, goes on, or the array has no end.
  Status Finish(std::string_view rest) const;

 private:
  enum class Expected : uint8_t { kBegin, kValue, kValueOrEnd, kSeparator, kNothing };

  const bool in_array_;
  Expected expected_ = Expected::kBegin;
};

}  // namespace millstream
