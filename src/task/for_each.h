#pragma once
/// The same work on each of many things, on the engine's lanes.

#include <functional>

#include "task/scheduler.h"

namespace millstream {

/// Calls `work(0)` … `work(count - 1)`, several at a time, and returns when all calls have ended. After an error no further call is begun; the error returned is that of
/// the lowest index that failed, the same one whatever the number of lanes. Without a scheduler the calls are made here, in turn. The calling thread must not be a lane's.
/// kCancelled when the scheduler is shut down meanwhile.
Status ForEach(Scheduler* scheduler, int64_t count, const std::function<Status(int64_t)>& work);

}  // namespace millstream
