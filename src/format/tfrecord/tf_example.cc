#include "format/tfrecord/tf_example.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "format/limits.h"

namespace millstream {
namespace {

enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// The fields of a message, one after the other.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : rest_(bytes) {}

  struct Field {
    uint64_t number = 0;
    WireType type = kVarint;
    uint64_t value = 0;      // of kVarint, kFixed64, kFixed32
    std::string_view bytes;  // of kBytes
  };

  bool at_end() const { return rest_.empty(); }
  /// Nothing for bytes that are no field.
  std::optional<Field> Next() {
    const auto tag = Varint();
    if (!tag) return std::nullopt;
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

Status NoExample() { return Status::Invalid("it is no tf.train.Example"); }

/// Calls `take` for each field; false from it, or a field that cannot be read, is an error.
template <typename Take>
Status ForEachField(std::string_view message, Take take) {
  MessageReader reader(message);
  while (!reader.at_end()) {
    const auto field = reader.Next();
    if (!field || !take(*field)) return NoExample();
  }
  return Status::OK();
}

/// Of the last field of that number that is a message; nothing where there is none.
Status MessageIn(std::string_view message, uint64_t number, std::string_view* out) {
  return ForEachField(message, [&](const MessageReader::Field& field) {
    if (field.number == number && field.type == kBytes) *out = field.bytes;
    return true;
  });
}

Status ParseFeature(std::string_view entry, Feature* feature) {
  std::string_view value;
  ARROW_RETURN_NOT_OK(MessageIn(entry, 1, &feature->name));
  ARROW_RETURN_NOT_OK(MessageIn(entry, 2, &value));
  return ForEachField(value, [&](const MessageReader::Field& field) {
    if (field.number < 1 || field.number > 3) return true;
    if (field.type != kBytes) return false;
    feature->kind = static_cast<FeatureKind>(field.number);
    feature->list = field.bytes;
    return true;
  });
}

}  // namespace

Result<std::vector<Feature>> ParseExample(std::string_view record, int64_t features_max) {
  std::string_view message;
  ARROW_RETURN_NOT_OK(MessageIn(record, 1, &message));
  std::vector<Feature> features;
  bool is_more = false;
  const Status parsed = ForEachField(message, [&](const MessageReader::Field& field) {
    if (field.number != 1) return true;
    if (field.type != kBytes) return false;
    is_more = static_cast<int64_t>(features.size()) == features_max;
    Feature feature;
    if (is_more || !ParseFeature(field.bytes, &feature).ok()) return false;
    features.push_back(feature);
    return true;
  });
  if (is_more) return OverLimit("it has more than " + std::to_string(features_max) + " features", "columns");
  ARROW_RETURN_NOT_OK(parsed);
  // Of a name that comes twice the last one counts.
  std::stable_sort(features.begin(), features.end(), [](const Feature& a, const Feature& b) { return a.name < b.name; });
  const auto behind = [&](size_t i) { return i + 1 < features.size() && features[i + 1].name == features[i].name; };
  size_t kept = 0;
  for (size_t i = 0; i < features.size(); ++i) {
    if (!behind(i)) features[kept++] = features[i];
  }
  features.resize(kept);
  return features;
}

Status BytesOf(const Feature& feature, std::vector<std::string_view>* out) {
  return ForEachField(feature.list, [&](const MessageReader::Field& field) {
    if (field.number != 1) return true;
    out->push_back(field.bytes);
    return field.type == kBytes;
  });
}

Status FloatsOf(const Feature& feature, std::vector<float>* out) {
  return ForEachField(feature.list, [&](const MessageReader::Field& field) {
    if (field.number != 1) return true;
    if (field.type == kFixed32) {
      out->push_back(std::bit_cast<float>(static_cast<uint32_t>(field.value)));
      return true;
    }
    if (field.type != kBytes || field.bytes.size() % 4 != 0) return false;
    const size_t before = out->size();
    out->resize(before + field.bytes.size() / 4);
    if (!field.bytes.empty()) std::memcpy(out->data() + before, field.bytes.data(), field.bytes.size());
    return true;
  });
}

Status IntsOf(const Feature& feature, std::vector<int64_t>* out) {
  return ForEachField(feature.list, [&](const MessageReader::Field& field) {
    if (field.number != 1) return true;
    if (field.type == kVarint) {
      out->push_back(static_cast<int64_t>(field.value));
      return true;
    }
    if (field.type != kBytes) return false;
    MessageReader packed(field.bytes);
    while (!packed.at_end()) {
      const auto value = packed.Varint();
      if (!value) return false;
      out->push_back(static_cast<int64_t>(*value));
    }
    return true;
  });
}

}  // namespace millstream
