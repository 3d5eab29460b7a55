#pragma once
/// The versioned byte form of a plan: what travels when a data set is pickled. Plans travel, data does not: files are named, small tables in memory go
/// inline as Arrow IPC.
///
/// Layout: "MSPL", version (uint16), node count (uint32), then each node behind its inputs: kind (uint8), number of inputs (uint32), which are the last
/// ones that no node has taken yet, and a length-prefixed payload. Functions are told by their number in FunctionsOf: they travel beside the bytes.
/// Expressions have a form of our own (expression_serial.h), for Arrow's does not bear damage. Nothing in it is code.

#include <string>
#include <string_view>

#include "plan/logical_plan.h"

namespace millstream {

constexpr uint16_t kPlanVersion = 3;

/// A source in memory above `inline_bytes_max` is a kInvalidArgument error that says to write it to Parquet first.
Result<std::string> SerializePlan(const PlanNode& plan, int64_t inline_bytes_max = 16 << 20);

/// Opens the source anew (Parquet footers are read). kCorruptData for bytes that are not a plan, kInvalidArgument for a newer version.
/// `functions`: FunctionsOf the plan that was serialised; kInvalidArgument where their number is another.
using BatchFunctions = std::vector<std::shared_ptr<const BatchFunction>>;
Result<PlanPtr> DeserializePlan(std::string_view bytes, const std::shared_ptr<Env>& env, const BatchFunctions& functions = {});

/// The node's own payload, as the fingerprint hashes it.
Result<std::string> SerializeNode(const PlanNode& node, int64_t inline_bytes_max);

}  // namespace millstream
