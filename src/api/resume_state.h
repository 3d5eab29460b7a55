#pragma once
/// What a DataIterator saves: its position, and the fingerprint of the plan it belongs to. docs/order.md gives the JSON form.

#include <string>
#include <string_view>

#include "exec/batch_stream.h"
#include "plan/fingerprint.h"

namespace millstream {

constexpr int kResumeStateVersion = 1;

struct ResumeState {
  Fingerprint fingerprint;
  uint64_t seed = 0;           // of the iterator; where the plan fixes one, that one
  uint64_t epoch = 0;
  int64_t rows_delivered = 0;  // 0: before the first batch, and `position` means nothing
  StreamPosition position;
};

std::string FormatResumeState(const ResumeState& state);

/// kInvalidArgument for text that is not a state, or of a newer version.
Result<ResumeState> ParseResumeState(std::string_view json);

/// kInvalidArgument that names the first part that differs, with what was saved and what is here.
Status CheckSamePlan(const Fingerprint& saved, const Fingerprint& current);

}  // namespace millstream
