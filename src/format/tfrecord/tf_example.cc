#include "format/tfrecord/tf_example.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "format/limits.h"
#include "format/message_fields.h"

namespace millstream {
namespace {

constexpr auto kVarint = MessageReader::kVarint, kFixed32 = MessageReader::kFixed32, kBytes = MessageReader::kBytes;

Status NoExample() { return Status::Invalid("it is no tf.train.Example"); }

/// ForEachField, with false as an error.
template <typename Take>
Status EachField(std::string_view message, Take take) {
  return ForEachField(message, take) ? Status::OK() : NoExample();
}

/// Of the last field of that number that is a message; nothing where there is none.
Status MessageIn(std::string_view message, uint64_t number, std::string_view* out) {
  return EachField(message, [&](const MessageReader::Field& field) {
    if (field.number == number && field.type == kBytes) *out = field.bytes;
    return true;
  });
}

Status ParseFeature(std::string_view entry, Feature* feature) {
  std::string_view value;
  ARROW_RETURN_NOT_OK(MessageIn(entry, 1, &feature->name));
  ARROW_RETURN_NOT_OK(MessageIn(entry, 2, &value));
  return EachField(value, [&](const MessageReader::Field& field) {
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
  const Status parsed = EachField(message, [&](const MessageReader::Field& field) {
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
  return EachField(feature.list, [&](const MessageReader::Field& field) {
    if (field.number != 1) return true;
    out->push_back(field.bytes);
    return field.type == kBytes;
  });
}

Status FloatsOf(const Feature& feature, std::vector<float>* out) {
  return EachField(feature.list, [&](const MessageReader::Field& field) {
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
  return EachField(feature.list, [&](const MessageReader::Field& field) {
    return field.number != 1 || ForEachNumber(field, [&](uint64_t value) { out->push_back(static_cast<int64_t>(value)); });
  });
}

}  // namespace millstream
