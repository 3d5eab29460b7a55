#include "exec/polled_stream.h"

#include <atomic>
#include <chrono>

namespace millstream {
namespace {

constexpr std::chrono::milliseconds kLookInterval(50);

}  // namespace

Result<StreamBatch> PolledStream::Next(const std::function<bool()>& interrupted) {
  // A caller that takes one batch after the other, never waiting, is to be interrupted too.
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ > kLookInterval) {
    looked_ = now;
    if (interrupted && interrupted()) return MakeError(ErrorKind::kCancelled, "interrupted");
  }
  // Outlives this call: a waker may be called late.
  auto woken = std::make_shared<std::atomic<bool>>(false);
  const Waker waker = [woken, scheduler = std::weak_ptr<Scheduler>(scheduler_)] {
    *woken = true;
    if (const auto alive = scheduler.lock()) alive->Notify();
  };
  for (;;) {
    *woken = false;
    ARROW_ASSIGN_OR_RAISE(auto batch, TryNext(waker));
    if (batch.has_value()) return std::move(*batch);
    bool stop = false;
    const auto began = std::chrono::steady_clock::now();
    scheduler_->WaitUntil([&] { return *woken || (stop = interrupted && interrupted()); });
    if (StageStatistics* statistics = waiting_statistics()) {
      statistics->wait_in_nanoseconds += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
    }
    // Also where it was woken meanwhile: a Ctrl-C is told once, and there may be no batch yet.
    if (stop) return MakeError(ErrorKind::kCancelled, "interrupted");
  }
}

}  // namespace millstream
