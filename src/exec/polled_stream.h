#pragma once
/// A stream that tasks can take batches from: asking it never blocks a lane.

#include <chrono>
#include <memory>
#include <optional>

#include "exec/batch_stream.h"
#include "exec/engine.h"

namespace millstream {

class PolledStream : public BatchStream {
 public:
  explicit PolledStream(const Engine& engine) : scheduler_(engine.scheduler()) {}

  /// The next batch if it is there, with null data at the end; nothing where it is still to come: then `waker` is called once there may be something, on any
  /// thread, maybe before this returns. A batch may be one without rows. One caller at a time, and no other in Next.
  virtual Result<std::optional<StreamBatch>> TryNext(const Waker& waker) = 0;

  /// Ends the work for batches that nobody will take, as far as that goes without waiting for it: lanes may call it, which must not wait in Close. To be called by
  /// who calls TryNext, and does not any more.
  virtual void StopSoon() {}

  /// All rows that the stream gives, once that is known: where they are brought together before the first is given.
  virtual std::optional<int64_t> total_rows() const { return std::nullopt; }

  Result<StreamBatch> Next(const std::function<bool()>& interrupted) override;

 protected:
  /// Counts what Next waited; may be null.
  virtual StageStatistics* waiting_statistics() { return nullptr; }

 private:
  const std::shared_ptr<Scheduler> scheduler_;
  std::chrono::steady_clock::time_point looked_{};  // at `interrupted`
};

using PolledStreamPtr = std::unique_ptr<PolledStream>;

}  // namespace millstream
