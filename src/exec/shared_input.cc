#include "exec/shared_input.h"

namespace millstream {

Result<std::optional<StreamBatch>> SharedInput::TryTake(const Waker& waker) {
  {
    std::lock_guard lock(mutex_);
    if (at_end_) return StreamBatch{};
    ARROW_RETURN_NOT_OK(failed_);
    if (asking_) {
      waiting_.push_back(waker);
      return std::nullopt;
    }
    asking_ = true;
    woken_ = false;
  }
  auto batch = stream_->TryNext([weak = weak_from_this()] {
    if (const auto input = weak.lock()) input->WakeAll();
  });
  bool wake = true;  // who came meanwhile
  {
    std::lock_guard lock(mutex_);
    asking_ = false;
    failed_ = batch.status();
    if (batch.ok() && batch->has_value()) {
      at_end_ = (*batch)->data == nullptr;
    } else if (batch.ok()) {
      waiting_.push_back(waker);
      wake = woken_;
    }
  }
  if (wake) WakeAll();
  return batch;
}

void SharedInput::WakeAll() {
  std::vector<Waker> waiting;
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
    waiting.swap(waiting_);
  }
  for (const Waker& waker : waiting) waker();
}

}  // namespace millstream
