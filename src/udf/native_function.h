#pragma once
/// Functions on batches that are C++, run on the engine's lanes.

#include <functional>
#include <memory>
#include <string>

#include "plan/batch_function.h"
#include "udf/function_step.h"

namespace millstream {

/// Gives batches of one schema, one at least where the call has rows. May be called on several lanes at once; what it allocates beside its result should be small.
using NativeBatchFunction = std::function<Result<RecordBatches>(const FunctionCall& call)>;

/// One of the engine's own, called on all lanes. `finds_place`: whether it looks at more of a call than its batch.
std::shared_ptr<const BatchFunction> MakeNativeFunction(std::string name, NativeBatchFunction function, BatchFunction::Columns columns = nullptr,
                                                        bool finds_place = true);

/// One whose result may be far larger than what it is given: the first few batches are made on the lanes, the others when they are wanted. `columns`: as above.
using NativeBatchesFunction = std::function<Result<NextBatch>(const FunctionCall& call)>;
std::shared_ptr<const BatchFunction> MakeNativeBatchesFunction(std::string name, NativeBatchesFunction function, BatchFunction::Columns columns = nullptr);

/// One that a user wrote: `calls` tells what the call is about. It may fail in any way, and throw.
using UserBatchFunction = std::function<Result<RecordBatches>(const FunctionCall& call, const FunctionCalls& calls)>;

/// Called `calls_at_once` at a time, or on all lanes for 0; never more often than there are lanes. All calls are of this one function, which is not copied. Batches
/// that are no valid Arrow data are its error. An error, or an exception, comes with the stage and the rows: "MapBatches(scale): the function failed, on rows 0 to
/// 99 of a.parquet: …", and keeps its kind. In one stage with others where it is called once at a time, or on all lanes.
std::shared_ptr<const BatchFunction> MakeUserFunction(std::string name, UserBatchFunction function, int calls_at_once);

}  // namespace millstream
