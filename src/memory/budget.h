#pragma once
/// The memory budget of one engine: a promise about the process's RSS, not a hint.
///
/// Every byte that the engine holds is charged to a Ledger (one an operator: "scan", "exchange", "batches", …) before it
/// is allocated, and released with the buffer. A Ledger has a floor, reserved when it is opened, so that its operator can
/// always make progress; what it holds above the floor is elastic and may be refused. A refused request asks the elastic
/// holders to shrink: each holder only sees a flag, and gives memory back on its own lane at its next step.
///
///   auto budget = Budget::Make(512 << 20);
///   ARROW_ASSIGN_OR_RAISE(auto ledger, Budget::Open(budget, "scan", /*floor_bytes=*/16 << 20));
///   if (!ledger->TryCharge(bytes)) { spill something of your own, or wait }
///
/// Thread safety: all methods may be called from any thread; none blocks but WaitForRelease.

#include <arrow/result.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millstream {

class Budget;

/// One operator's account. Closing it (last reference) gives its floor back; charges must be zero by then.
class Ledger {
 public:
  ~Ledger();
  /// Takes `bytes` more, from the floor first, then from what the budget has free. False, with nothing taken, if refused.
  bool TryCharge(int64_t bytes);
  /// Takes `bytes` unconditionally: only for memory that already exists (a foreign buffer handed to the engine).
  void ForceCharge(int64_t bytes);
  void Release(int64_t bytes);
  /// Moves a charge of `bytes` to `other` without freeing it in between (hand-over from one operator to the next).
  void TransferTo(Ledger& other, int64_t bytes);

  const std::string& name() const;
  int64_t used_bytes() const;
  int64_t floor_bytes() const;
  int64_t peak_bytes() const;

  /// True when the budget wants `bytes` back from this ledger; cleared by ClearShrink. Looked at between steps.
  int64_t shrink_wanted_bytes() const;
  void ClearShrink();
  /// Marks the ledger as one that can shrink (an exchange, a cache); only such ledgers are asked to.
  void SetElastic(bool elastic);

 private:
  friend class Budget;
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Budget : public std::enable_shared_from_this<Budget> {
 public:
  static std::shared_ptr<Budget> Make(int64_t limit_bytes);
  ~Budget();

  /// Opens a ledger whose floor is reserved at once. kBudget error naming the limit, what is free and the floor if it does not fit.
  static arrow::Result<std::shared_ptr<Ledger>> Open(const std::shared_ptr<Budget>& budget, std::string name, int64_t floor_bytes);

  int64_t limit_bytes() const;
  /// Floors plus elastic charges now.
  int64_t reserved_bytes() const;
  int64_t free_bytes() const;
  int64_t peak_bytes() const;

  /// Blocks until some ledger releases memory, `timeout` passes or `cancelled` returns true; true if memory was released.
  bool WaitForRelease(std::chrono::milliseconds timeout);

  struct LedgerUse { std::string name; int64_t used_bytes; int64_t floor_bytes; int64_t peak_bytes; };
  std::vector<LedgerUse> Uses() const;

 private:
  friend class Ledger;
  explicit Budget(int64_t limit_bytes);
  struct State;
  std::unique_ptr<State> state_;
};

/// Bytes charged to a ledger, released when it goes out of scope. Moves with the memory it stands for.
class Reservation {
 public:
  Reservation() = default;
  static arrow::Result<Reservation> Take(std::shared_ptr<Ledger> ledger, int64_t bytes);
  Reservation(Reservation&&) noexcept;
  Reservation& operator=(Reservation&&) noexcept;
  ~Reservation();
  int64_t bytes() const { return bytes_; }
  /// Gives the charge up without releasing it: the caller owns it now.
  int64_t Detach();
  void Reset();

 private:
  std::shared_ptr<Ledger> ledger_;
  int64_t bytes_ = 0;
};

}  // namespace millstream
