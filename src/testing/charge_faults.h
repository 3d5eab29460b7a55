#pragma once
/// Fails the i-th charge to a Budget, whether a pool or a Reservation asks, for fault loops.

#include <atomic>
#include <memory>

#include "memory/budget.h"

namespace millstream {

class ChargeFaults {
 public:
  explicit ChargeFaults(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {
    budget_->InjectRefusals([this](const std::string&, int64_t) { return charges_++ == refused_at_; });
  }
  ~ChargeFaults() { budget_->InjectRefusals(nullptr); }
  ChargeFaults(const ChargeFaults&) = delete;
  ChargeFaults& operator=(const ChargeFaults&) = delete;

  /// The charge number `index` from now (from 0) is refused; -1 for none.
  void RefuseCharge(int64_t index) { refused_at_ = index < 0 ? -1 : charges_ + index; }
  int64_t charges() const { return charges_; }

 private:
  const std::shared_ptr<Budget> budget_;
  std::atomic<int64_t> charges_{0};
  std::atomic<int64_t> refused_at_{-1};
};

}  // namespace millstream
