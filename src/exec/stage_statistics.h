#pragma once
/// What one stage of an execution did. Lanes add to it; anyone may read it at any time.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/cpu_clock.h"
#include "exec/dead_letters.h"

namespace millstream {

struct StageStatistics {
  explicit StageStatistics(std::string stage_name) : name(std::move(stage_name)) {}

  const std::string name;
  std::atomic<int64_t> rows_expected{0};    // 0: not known
  std::atomic<int64_t> rows{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<int64_t> cpu_nanoseconds{0};
  std::atomic<int64_t> wait_in_nanoseconds{0};   // for input
  std::atomic<int64_t> wait_out_nanoseconds{0};  // for room downstream
  std::atomic<int64_t> spilled_bytes{0};
  std::atomic<int64_t> read_back_bytes{0};
  std::atomic<int64_t> peak_memory_bytes{0};
  DeadLetters dead_letters;

  /// Where the stage's function runs, as "in 2 worker processes"; empty where that is no question.
  std::string place() const {
    std::lock_guard lock(mutex_);
    return place_;
  }
  void SetPlace(std::string place) {
    std::lock_guard lock(mutex_);
    place_ = std::move(place);
  }

 private:
  mutable std::mutex mutex_;
  std::string place_;  // guarded by mutex_
};

/// Adds the CPU time of the calling thread between construction and destruction.
class CpuTimer {
 public:
  explicit CpuTimer(std::atomic<int64_t>* total) : total_(total), start_(ThreadCpuNanoseconds()) {}
  ~CpuTimer() { total_->fetch_add(ThreadCpuNanoseconds() - start_, std::memory_order_relaxed); }
  CpuTimer(const CpuTimer&) = delete;
  CpuTimer& operator=(const CpuTimer&) = delete;

 private:
  std::atomic<int64_t>* total_;
  int64_t start_;
};

}  // namespace millstream
