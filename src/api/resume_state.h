#pragma once
/// What a DataIterator saves: its position, and the fingerprint of the plan it belongs to. docs/order.md gives the JSON form, which is the Python
/// package's too: either takes up what the other saved.

#include <optional>
#include <string>
#include <string_view>

#include "exec/batch_stream.h"
#include "plan/fingerprint.h"

namespace millstream {

constexpr int kResumeStateVersion = 1;

struct ResumePosition {
  StreamPosition stream;
  int64_t rows = 0;  // delivered in the epoch
  int64_t skip = 0;  // delivered after those, of a batch that was not used up; always 0 in what C++ saves
};

struct ResumeState {
  Fingerprint plan;
  std::optional<uint64_t> seed;  // of the iterator, where the plan fixes one that one; none without a shuffle
  uint64_t epoch = 0;
  std::optional<ResumePosition> position;  // none before the first batch
  bool finished = false;                   // the epoch's end was seen: the next pass is the next epoch
};

std::string FormatResumeState(const ResumeState& state);

/// kInvalidArgument for text that is not a state, or of a newer version.
Result<ResumeState> ParseResumeState(std::string_view json);

/// kInvalidArgument that names the first part that differs, with what was saved and what is here.
Status CheckSamePlan(const Fingerprint& saved, const Fingerprint& current);

}  // namespace millstream
