#pragma once
/// A stream that several lanes take batches from, each batch once.

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "exec/polled_stream.h"

namespace millstream {

class SharedInput : public std::enable_shared_from_this<SharedInput> {
 public:
  explicit SharedInput(PolledStreamPtr stream) : stream_(std::move(stream)) {}

  /// As PolledStream::TryNext, for any number of callers.
  Result<std::optional<StreamBatch>> TryTake(const Waker& waker);
  /// No caller may be in TryTake.
  void Close() { stream_->Close(); }
  /// Null until a batch has been taken where a function below decides.
  const std::shared_ptr<arrow::Schema>& schema() const { return stream_->schema(); }
  std::vector<const StageStatistics*> stages() const { return stream_->stages(); }

 private:
  void WakeAll();

  const PolledStreamPtr stream_;
  std::mutex mutex_;
  // Guarded by mutex_:
  bool asking_ = false;  // one caller at a time
  bool woken_ = false;   // since the last one began to ask
  bool at_end_ = false;
  Status failed_;        // nobody asks again after an error
  std::vector<Waker> waiting_;
};

}  // namespace millstream
