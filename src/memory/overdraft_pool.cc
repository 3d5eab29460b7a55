#include "memory/overdraft_pool.h"

#include <algorithm>
#include <cstring>

namespace millstream {

arrow::Status OverdraftPool::Overdraw(int64_t size, int64_t alignment, uint8_t** out, Status refusal) {
  // A machine that is out of memory, not a budget, is an error also here.
  ARROW_RETURN_NOT_OK(arrow::system_memory_pool()->Allocate(size, alignment, out));
  if (status_.ok()) status_ = std::move(refusal);
  base_->ledger()->ForceCharge(size);
  overdrawn_.insert(*out);
  overdrawn_bytes_ += size;
  return Status::OK();
}

arrow::Status OverdraftPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  const Status granted = base_->Allocate(size, alignment, out);
  return granted.ok() || size == 0 ? granted : Overdraw(size, alignment, out, granted);
}

arrow::Status OverdraftPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
  if (!IsOverdrawn(*ptr)) {
    const Status granted = base_->Reallocate(old_size, new_size, alignment, ptr);
    if (granted.ok() || new_size <= old_size) return granted;
    if (status_.ok()) status_ = granted;
  }
  uint8_t* moved = nullptr;
  ARROW_RETURN_NOT_OK(Allocate(new_size, alignment, &moved));
  std::memcpy(moved, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
  Free(*ptr, old_size, alignment);
  *ptr = moved;
  return Status::OK();
}

void OverdraftPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  if (overdrawn_.erase(buffer) == 0) return base_->Free(buffer, size, alignment);
  arrow::system_memory_pool()->Free(buffer, size, alignment);
  base_->ledger()->Release(size);
  overdrawn_bytes_ -= size;
}

}  // namespace millstream
