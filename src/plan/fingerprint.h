#pragma once
/// What a saved position depends on, part by part, so that a refusal can say which part changed.
///
/// Not in it: threads, budget, batch size, file times, absolute paths.

#include <string>
#include <utility>
#include <vector>

#include "plan/logical_plan.h"

namespace millstream {

/// Of what docs/order.md defines: keys, identity, ties.
constexpr int kOrderVersion = 1;

struct Fingerprint {
  std::string files;      // hash of relative paths and sizes
  int64_t file_count = 0;
  int64_t rows = 0;       // of the source, before filters
  std::string schema;     // hash of the source's schema
  std::string stages;     // hash of the stages above the source, the next one apart
  std::string seed;       // of the shuffle that orders the rows: its kind, and its value where the plan fixes it
  int order_version = kOrderVersion;
};

Result<Fingerprint> FingerprintOf(const PlanNode& plan);

}  // namespace millstream
