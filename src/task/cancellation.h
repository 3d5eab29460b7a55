#pragma once
/// A stop signal shared by all tasks of one execution. Lanes look at it at least once a batch; the first error or Cancel wins.

#include <atomic>
#include <memory>
#include <mutex>

#include "base/status.h"

namespace millstream {

class Cancellation {
 public:
  /// Records the reason; only the first one is kept. OK is recorded as kCancelled.
  void Cancel(Status reason);
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  /// OK while running, else the first reason.
  Status status() const;

 private:
  std::atomic<bool> cancelled_{false};
  mutable std::mutex mutex_;
  Status reason_;
};

}  // namespace millstream
