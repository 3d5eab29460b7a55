#pragma once
/// Functions on batches that are C++, run on the engine's lanes.

#include <functional>
#include <memory>
#include <string>

#include "plan/batch_function.h"
#include "udf/function_calls.h"

namespace millstream {

/// Gives batches of one schema, one at least where the call has rows. May be called on several lanes at once; what it allocates beside its result should be small.
using NativeBatchFunction = std::function<Result<RecordBatches>(const FunctionCall& call)>;

std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function, BatchFunction::Columns columns = nullptr);

}  // namespace millstream
