#pragma once
/// A pool for library code that does not survive a refused allocation.
///
/// Arrow's hash tables, and so the Parquet writer's dictionaries, go on without memory when their first allocation is refused, and crash. This
/// pool passes requests to a BudgetPool; one that the budget refuses is granted all the same, charged, and remembered: the caller looks at status() after
/// each bounded piece of work and gives up. So what is held above the budget is at most what one such piece asks for, and only until it ends.
///
///   OverdraftPool pool(budget_pool);
///   ... let the library do a piece of work with &pool ...
///   ARROW_RETURN_NOT_OK(pool.status());
///
/// One thread at a time. Must outlive its buffers.

#include <arrow/memory_pool.h>

#include <unordered_set>

#include "base/status.h"
#include "memory/budget_pool.h"

namespace millstream {

class OverdraftPool final : public arrow::MemoryPool {
 public:
  explicit OverdraftPool(std::shared_ptr<BudgetPool> base) : base_(std::move(base)) {}

  /// OK while nothing was refused, else the first refusal, for good.
  const Status& status() const { return status_; }

  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Free;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;
  int64_t bytes_allocated() const override { return base_->bytes_allocated() + overdrawn_bytes_; }
  int64_t total_bytes_allocated() const override { return base_->total_bytes_allocated(); }
  int64_t num_allocations() const override { return base_->num_allocations(); }
  int64_t max_memory() const override { return base_->max_memory(); }
  std::string backend_name() const override { return "millstream"; }

 private:
  arrow::Status Overdraw(int64_t size, int64_t alignment, uint8_t** out, Status refusal);
  bool IsOverdrawn(const uint8_t* buffer) const { return overdrawn_.find(buffer) != overdrawn_.end(); }

  const std::shared_ptr<BudgetPool> base_;
  Status status_;
  std::unordered_set<const uint8_t*> overdrawn_;  // from the system's pool
  int64_t overdrawn_bytes_ = 0;
};

}  // namespace millstream
