#pragma once
/// Memory of one output batch, which will be the user's.
///
/// All its buffers are charged together until EndCharge, when the batch is handed over: from then on they are the user's. They may be freed from any
/// thread at any time later, also after the engine has gone: the pool lives until the last of them. What comes back late is kept for reuse only as far as
/// the limit leaves room.

#include <arrow/memory_pool.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "memory/budget.h"
#include "memory/page_arena.h"

namespace millstream {

class HandOverPool final : public arrow::MemoryPool {
 public:
  /// The handle; the pool itself goes with the handle or its last buffer, whichever is later.
  static std::shared_ptr<HandOverPool> Make(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena);

  /// Ends the charge of everything allocated. Nothing may be allocated after it.
  void EndCharge();
  /// Moves the charge to another ledger of the same budget; false, with nothing changed, if that refuses it. No other call may run beside it.
  bool TryMoveCharge(const std::shared_ptr<Ledger>& ledger);

  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Free;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;
  int64_t bytes_allocated() const override { return charged_; }
  int64_t total_bytes_allocated() const override { return charged_; }
  int64_t num_allocations() const override { return references_ - 1; }
  int64_t max_memory() const override { return charged_; }
  std::string backend_name() const override { return "millstream"; }

 private:
  HandOverPool(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena);
  void DropReference();
  /// False where the charge had ended.
  bool ReleaseCharge(int64_t bytes);

  std::mutex mutex_;  // between the end of the charge and buffers that are freed meanwhile
  std::shared_ptr<Ledger> ledger_;
  const std::shared_ptr<Budget> budget_;
  const std::shared_ptr<PageArena> arena_;
  std::atomic<int64_t> references_{1};  // the handle and every buffer
  std::atomic<int64_t> charged_{0};
  std::atomic<bool> ended_{false};
};

}  // namespace millstream
