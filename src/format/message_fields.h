#pragma once
/// Messages as Protocol Buffers write them, a field after the other: formats that are made of a few are read and written without their library.

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace millstream {

/// The fields of a message, one after the other.
class MessageReader {
 public:
  enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    uint64_t number = 0;
    WireType type = kVarint;
    uint64_t value = 0;      // of kVarint, kFixed64, kFixed32
    std::string_view bytes;  // of kBytes
  };

  explicit MessageReader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  /// Nothing for bytes that are no field.
  std::optional<Field> Next() {
    const auto tag = Varint();
    // Longer ones others would cut, and so read another field.
    if (!tag || *tag > UINT32_MAX || *tag >> 3 == 0) return std::nullopt;
    Field field{*tag >> 3, static_cast<WireType>(*tag & 7), 0, {}};
    switch (field.type) {
      case kVarint: return Filled(field, Varint());
      case kFixed64: return Filled(field, Fixed(8));
      case kFixed32: return Filled(field, Fixed(4));
      case kBytes: break;
      default: return std::nullopt;
    }
    const auto size = Varint();
    if (!size || *size > rest_.size()) return std::nullopt;
    field.bytes = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return field;
  }

  std::optional<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::optional<uint64_t> Fixed(size_t bytes) {
    if (rest_.size() < bytes) return std::nullopt;
    uint64_t value = 0;
    std::memcpy(&value, rest_.data(), bytes);
    rest_.remove_prefix(bytes);
    return value;
  }

 private:
  static std::optional<Field> Filled(Field field, std::optional<uint64_t> value) {
    if (!value) return std::nullopt;
    field.value = *value;
    return field;
  }
  std::string_view rest_;
};

/// Calls `take` for each field; false where it gives that, or a field cannot be read.
template <typename Take>
bool ForEachField(std::string_view message, Take take) {
  MessageReader reader(message);
  while (!reader.at_end()) {
    const auto field = reader.Next();
    if (!field || !take(*field)) return false;
  }
  return true;
}

/// Whether the field is a number, which it gives.
inline bool IsNumber(const MessageReader::Field& field, uint64_t* value) {
  *value = field.value;
  return field.type == MessageReader::kVarint;
}

/// Whether the field is bytes, a text or a message, which it gives.
inline bool IsBytes(const MessageReader::Field& field, std::string_view* bytes) {
  *bytes = field.bytes;
  return field.type == MessageReader::kBytes;
}

/// Calls `take` with each number of a repeated field, packed or not; false for a field that has none.
template <typename Take>
bool ForEachNumber(const MessageReader::Field& field, Take take) {
  if (field.type == MessageReader::kVarint) {
    take(field.value);
    return true;
  }
  if (field.type != MessageReader::kBytes) return false;
  MessageReader packed(field.bytes);
  while (!packed.at_end()) {
    const auto value = packed.Varint();
    if (!value) return false;
    take(*value);
  }
  return true;
}

inline void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

/// A field that is a number.
inline void AppendNumberField(int number, uint64_t value, std::string* out) {
  AppendVarint(static_cast<uint64_t>(number) << 3 | MessageReader::kVarint, out);
  AppendVarint(value, out);
}

/// A field that is bytes, texts or another message.
inline void AppendBytesField(int number, std::string_view bytes, std::string* out) {
  AppendVarint(static_cast<uint64_t>(number) << 3 | MessageReader::kBytes, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace millstream
