#include "task/cancellation.h"

namespace millstream {

void Cancellation::Cancel(Status reason) {
  std::lock_guard lock(mutex_);
  if (cancelled_.load(std::memory_order_relaxed)) return;
  reason_ = reason.ok() ? MakeError(ErrorKind::kCancelled, "Cancelled") : std::move(reason);
  cancelled_.store(true, std::memory_order_release);
}

Status Cancellation::status() const {
  if (!cancelled()) return Status::OK();
  std::lock_guard lock(mutex_);
  return reason_;
}

}  // namespace millstream
