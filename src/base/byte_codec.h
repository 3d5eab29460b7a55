#pragma once
/// Little-endian fields, length-prefixed strings: what our own small binary formats are made of. The reader checks every length.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millstream {

class ByteWriter {
 public:
  template <typename T>
  void Number(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void String(std::string_view text) {
    Number<uint64_t>(text.size());
    bytes_.append(text);
  }
  std::string Finish() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  /// `what` names the thing in messages, for instance "serialised plan".
  ByteReader(std::string_view bytes, const char* what) : bytes_(bytes), what_(what) {}

  template <typename T>
  Result<T> Number() {
    if (bytes_.size() < sizeof(T)) return Damaged();
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  Result<std::string_view> String() {
    ARROW_ASSIGN_OR_RAISE(const auto size, Number<uint64_t>());
    if (size > bytes_.size()) return Damaged();
    const auto text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  /// A count of things of at least `bytes_each`, which must still fit in what is left: hostile counts are refused before anything is allocated.
  Result<uint64_t> Count(size_t bytes_each) {
    ARROW_ASSIGN_OR_RAISE(const auto count, Number<uint64_t>());
    if (count > bytes_.size() / bytes_each) return Damaged();
    return count;
  }
  bool empty() const { return bytes_.empty(); }
  Status Damaged() const { return MakeError(ErrorKind::kCorruptData, std::string("the ") + what_ + " is damaged or cut short"); }

 private:
  std::string_view bytes_;
  const char* what_;
};

}  // namespace millstream
