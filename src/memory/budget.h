#pragma once
/// The memory budget of one engine: a promise about the process's RSS, not a hint.
///
/// Every byte that the engine holds is charged to a Ledger (one an operator: "scan", "exchange", "batches", …) before it
/// is allocated, and released with the buffer. A Ledger has a floor, reserved when it is opened, so that its operator can
/// always make progress; what it holds above the floor is elastic and may be refused. A refused request asks the elastic
/// holders to shrink: each holder only sees a flag, and gives memory back on its own lane at its next step.
///
/// Pages that an attached PageArena keeps for reuse count too: whenever charged plus kept bytes would pass the limit, the arena
/// is trimmed before the charge is granted.
///
///   auto budget = Budget::Make(512 << 20);
///   ARROW_ASSIGN_OR_RAISE(auto ledger, Budget::Open(budget, "scan", /*floor_bytes=*/16 << 20));
///   if (!ledger->TryCharge(bytes)) { spill something of your own, or wait }
///
/// Thread safety: all methods may be called from any thread; none blocks but WaitForRelease. In a forked child an inherited budget
/// refuses every charge and ignores every release.

#include <arrow/result.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "memory/page_arena.h"

namespace millstream {

class Budget;

/// What several ledgers of one budget may take together; each may take its floor in any case.
class LedgerGroup {
 public:
  explicit LedgerGroup(int64_t most_bytes) : most_bytes_(most_bytes) {}

 private:
  friend class Ledger;
  friend class Budget;
  // Guarded by the budget's mutex:
  int64_t most_bytes_;
  int64_t reserved_ = 0;
};

/// One operator's account. Closing it (last reference) gives its floor back; charges must be zero by then.
class Ledger {
 public:
  ~Ledger();
  /// Takes `bytes` more, from the floor first, then from what the budget has free. False, with nothing taken, if refused.
  bool TryCharge(int64_t bytes);
  /// Takes `bytes` unconditionally: only for memory that already exists (a foreign buffer handed to the engine).
  void ForceCharge(int64_t bytes);
  void Release(int64_t bytes);
  /// Moves a charge of `bytes` to `other` without freeing it in between (hand-over from one operator to the next). Never refused, so a
  /// producer that refills its floor could push its consumer over the limit: use TryTransferTo where the consumer may be behind.
  /// Between ledgers of two budgets it is a ForceCharge there and a Release here.
  void TransferTo(Ledger& other, int64_t bytes);
  /// The same, but refused like TryCharge when `other` had to take it from what is not free.
  bool TryTransferTo(Ledger& other, int64_t bytes);

  /// Makes the floor `bytes`. False, with nothing changed, when what is added to it is not free; lowering always succeeds.
  bool TrySetFloor(int64_t bytes);

  const std::string& name() const;
  int64_t used_bytes() const;
  int64_t floor_bytes() const;
  int64_t peak_bytes() const;
  const std::shared_ptr<Budget>& budget() const;

  /// How many bytes the budget wants back from this ledger, 0 if none; cleared by ClearShrink. Looked at between steps.
  int64_t shrink_wanted_bytes() const;
  void ClearShrink();
  /// Before anything is charged. Once.
  void JoinGroup(std::shared_ptr<LedgerGroup> group);
  /// Changes what the ledger's group may take from now on.
  void SetGroupMost(int64_t bytes);
  /// Marks the ledger as one that can shrink (an exchange, a cache); only such ledgers are asked to.
  void SetElastic(bool elastic);

 private:
  friend class Budget;
  friend class BudgetPool;
  friend class HandOverPool;
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  /// TryCharge for a run that may come from kept pages: the caller allocates, then has the arena trimmed.
  bool TryChargeUntrimmed(int64_t bytes);
  std::unique_ptr<State> state_;
};

class Budget : public std::enable_shared_from_this<Budget> {
 public:
  static std::shared_ptr<Budget> Make(int64_t limit_bytes);
  ~Budget();

  /// Opens a ledger whose floor is reserved at once. kBudget error naming the limit, what is free, the floor and the limit that would do.
  static arrow::Result<std::shared_ptr<Ledger>> Open(const std::shared_ptr<Budget>& budget, std::string name, int64_t floor_bytes);

  int64_t limit_bytes() const;
  /// Floors plus elastic charges now.
  int64_t reserved_bytes() const;
  int64_t free_bytes() const;
  /// Bytes charged now, and the most that ever were; floors count only where they are used.
  int64_t used_bytes() const;
  int64_t peak_bytes() const;

  /// Kept pages of `arena` count against the limit from now on. A BudgetPool attaches its own.
  void Attach(std::shared_ptr<PageArena> arena);
  /// Trims the attached arenas until charged plus kept bytes fit the limit.
  void TrimKept();

  /// Blocks until some ledger releases memory or `timeout` passes; true if memory was released.
  bool WaitForRelease(std::chrono::milliseconds timeout);
  /// Calls `released` once, on the releasing thread, after the next release. A task that was refused registers its waker, then tries
  /// once more (memory may have come back in between), then says that it is blocked.
  void OnNextRelease(std::function<void()> released);

  /// For tests: asked before each charge (pools and reservations alike); true refuses it. Called with the budget locked.
  void InjectRefusals(std::function<bool(const std::string& ledger, int64_t bytes)> refuse);

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
  /// kBudget error naming the ledger, the limit and the remedy if refused.
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

/// The error for a refused charge: what was asked, for which ledger, the limit and the remedy.
arrow::Status RefusedCharge(const Ledger& ledger, int64_t bytes);

}  // namespace millstream
