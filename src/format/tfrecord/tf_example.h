#pragma once
/// A record as TensorFlow's Example message: named lists of byte strings, floats or integers. Read from its bytes, without a library for messages.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millstream {

enum class FeatureKind : uint8_t { kNone, kBytes, kFloat, kInt };

/// One feature; the views are of the record's bytes.
struct Feature {
  std::string_view name;
  FeatureKind kind = FeatureKind::kNone;
  std::string_view list;  // the message with the values
};

/// Of a name that comes twice the last one counts. Statuses of no kind, but for kCorruptData where there are more than so many.
Result<std::vector<Feature>> ParseExample(std::string_view record, int64_t features_max);

/// Appends the values of the feature, which is of that kind.
Status BytesOf(const Feature& feature, std::vector<std::string_view>* out);
Status FloatsOf(const Feature& feature, std::vector<float>* out);
Status IntsOf(const Feature& feature, std::vector<int64_t>* out);

}  // namespace millstream
