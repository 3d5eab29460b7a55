#pragma once
/// Functions of the application as a plan holds them.

#include <memory>
#include <string>

#include "millstream/batch_functions.h"
#include "plan/batch_function.h"

namespace millstream {

/// kInvalidArgument for no function, or options that mean nothing. `stage`: "MapBatches", before the options' name in brackets.
Result<std::shared_ptr<const BatchFunction>> FunctionOf(const std::string& stage, MapFunction function, const MapOptions& options);
Result<std::shared_ptr<const BatchFunction>> FunctionOf(const std::string& stage, FlatMapFunction function, const MapOptions& options);
/// Called with each group of a call's batch.
Result<std::shared_ptr<const BatchFunction>> FunctionOfGroups(const std::string& stage, MapFunction function, const MapOptions& options);

}  // namespace millstream
