#pragma once
/// The versioned byte form of a plan: what travels when a data set is pickled. Plans travel, data does not: files are named, small tables in memory go
/// inline as Arrow IPC.
///
/// Layout: "MSPL", version (uint16), node count (uint32), then each node from the source up: kind (uint8) and a length-prefixed payload.
/// Expressions have a form of our own (expression_serial.h), for Arrow's does not bear damage. Nothing in it is code.

#include <string>
#include <string_view>

#include "plan/logical_plan.h"

namespace millstream {

constexpr uint16_t kPlanVersion = 1;

/// A source in memory above `inline_bytes_max` is a kInvalidArgument error that says to write it to Parquet first.
Result<std::string> SerializePlan(const PlanNode& plan, int64_t inline_bytes_max = 16 << 20);

/// Opens the source anew (Parquet footers are read). kCorruptData for bytes that are not a plan, kInvalidArgument for a newer version.
Result<PlanPtr> DeserializePlan(std::string_view bytes, const std::shared_ptr<Env>& env);

/// The node's own payload, as the fingerprint hashes it.
Result<std::string> SerializeNode(const PlanNode& node, int64_t inline_bytes_max);

}  // namespace millstream
