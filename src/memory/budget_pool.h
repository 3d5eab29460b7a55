#pragma once
/// An arrow::MemoryPool whose every allocation is charged to a Ledger before it is made.
///
/// Allocations of kArenaBytesMin and more come from the PageArena, smaller ones from malloc (64-byte aligned), charged with
/// their rounded size and kSmallOverheadBytes. A refused charge is Status::OutOfMemory with kind kBudget: what was asked, the ledger, the limit, the remedy.
/// The pool must be kept alive by whoever holds its buffers: use AllocateOwned for memory that leaves the engine.

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <memory>

#include "memory/budget.h"
#include "memory/page_arena.h"

namespace millstream {

class BudgetPool : public arrow::MemoryPool, public std::enable_shared_from_this<BudgetPool> {
 public:
  static constexpr int64_t kArenaBytesMin = 32 << 10;
  static constexpr int64_t kNeverRefusedBytes = 2 << 10;
  /// Charged with each small allocation: the allocator's header, and the objects through which Arrow holds a buffer and its array. Of very small ones they are most.
  static constexpr int64_t kSmallOverheadBytes = 320;

  /// Attaches the arena to the ledger's budget, so that kept pages count against its limit.
  static std::shared_ptr<BudgetPool> Make(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena);

  ~BudgetPool() override;

  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Free;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;
  int64_t bytes_allocated() const override;
  int64_t total_bytes_allocated() const override;
  int64_t num_allocations() const override;
  int64_t max_memory() const override;
  std::string backend_name() const override { return "millstream"; }

  /// What an allocation of `size` is charged with.
  static int64_t ChargedBytes(int64_t size);

  /// A buffer that needs neither pool nor engine to live on: it keeps the arena, and the ledger while it is charged. The charge can be ended
  /// early when the buffer is handed to the user; the memory goes back to the arena when the last reference drops, from any thread,
  /// without the GIL.
  class OwnedBuffer;
  /// Aligned to `alignment`, from kArenaBytesMin on to PageArena::kPageBytes in any case (so that direct I/O can fill it).
  arrow::Result<std::shared_ptr<OwnedBuffer>> AllocateOwned(int64_t bytes, int64_t alignment = arrow::kDefaultBufferAlignment);

  /// The same pool for decoders and compute kernels of libraries, which refuses nothing of kNeverRefusedBytes and less: Arrow's hash tables take
  /// their first memory without looking at the answer, and would then loop or crash (arrow/util/hashing.h). What they get is charged all the
  /// same, so charges may pass the limit by the few small buffers of a decoding step. Lives as long as this pool.
  arrow::MemoryPool* for_libraries();

  const std::shared_ptr<Ledger>& ledger() const { return ledger_; }
  const std::shared_ptr<PageArena>& arena() const { return arena_; }

 private:
  BudgetPool(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena);
  class LibraryPool;
  /// A small allocation that is charged whatever the budget says.
  arrow::Status AllocateUnasked(int64_t size, int64_t alignment, uint8_t** out);
  arrow::Result<uint8_t*> Take(int64_t size, int64_t alignment);
  arrow::Result<bool> ResizeInPlace(int64_t old_size, int64_t new_size, uint8_t* data);
  arrow::Status MoveTo(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** data);

  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<PageArena> arena_;
  std::shared_ptr<arrow::internal::MemoryPoolStats> stats_;
  std::unique_ptr<LibraryPool> library_pool_;
};

/// One thread at a time changes the charge or the size; the last reference may drop on any thread.
class BudgetPool::OwnedBuffer : public arrow::MutableBuffer {
 public:
  /// `data`: allocated, and charged, by `pool` with `size`.
  OwnedBuffer(uint8_t* data, int64_t size, const BudgetPool& pool);
  ~OwnedBuffer() override;
  /// Ends the charge: the bytes are the user's now. The second call does nothing.
  void EndCharge();
  /// Moves the charge to another ledger, also after EndCharge.
  void MoveCharge(std::shared_ptr<Ledger> ledger);
  /// Shrinks in place from the end; whole pages after `new_size` go back at once and the charge falls.
  void ShrinkTail(int64_t new_size);
  int64_t charged_bytes() const { return charged_ == nullptr ? 0 : held_bytes_; }

 private:
  std::shared_ptr<PageArena> arena_;  // null when the memory is malloc's
  std::shared_ptr<Budget> budget_;
  std::shared_ptr<arrow::internal::MemoryPoolStats> stats_;
  std::shared_ptr<Ledger> charged_;
  int64_t held_bytes_;
};

}  // namespace millstream
