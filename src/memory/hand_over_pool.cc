#include "memory/hand_over_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/status.h"

namespace millstream {
namespace {

constexpr int64_t kArenaBytesMin = 32 << 10;
constexpr int64_t kSmallAlignment = 64;
alignas(64) uint8_t kEmpty[kSmallAlignment];

int64_t Rounded(int64_t size) {
  if (size >= kArenaBytesMin) return PageArena::RoundUp(size);
  return (size + kSmallAlignment - 1) / kSmallAlignment * kSmallAlignment;
}

}  // namespace

HandOverPool::HandOverPool(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena)
    : ledger_(std::move(ledger)), budget_(ledger_->budget()), arena_(std::move(arena)) {}

std::shared_ptr<HandOverPool> HandOverPool::Make(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena) {
  return {new HandOverPool(std::move(ledger), std::move(arena)), [](HandOverPool* pool) { pool->DropReference(); }};
}

void HandOverPool::DropReference() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void HandOverPool::EndCharge() {
  std::shared_ptr<Ledger> ledger;
  {
    std::lock_guard lock(mutex_);
    if (ended_.exchange(true)) return;
    ledger = std::move(ledger_);
  }
  ledger->Release(charged_.exchange(0));
}

bool HandOverPool::TryMoveCharge(const std::shared_ptr<Ledger>& ledger) {
  if (ended_) return true;
  if (!ledger_->TryTransferTo(*ledger, charged_)) return false;
  ledger_ = ledger;
  return true;
}

arrow::Status HandOverPool::Allocate(int64_t size, int64_t, uint8_t** out) {
  if (size == 0) {
    // Counted like the others: a buffer of no bytes calls Free too.
    *out = kEmpty;
    ++references_;
    return arrow::Status::OK();
  }
  const int64_t bytes = Rounded(size);
  if (!ledger_->TryChargeUntrimmed(bytes)) {
    return MakeError(ErrorKind::kBudget, "the memory limit leaves no room for an output batch: " + std::to_string(bytes) +
                                             " bytes were refused; use a smaller batch_size or a larger memory_limit");
  }
  arrow::Result<uint8_t*> memory = nullptr;
  if (bytes >= kArenaBytesMin) {
    memory = arena_->Allocate(bytes);
  } else {
    memory = static_cast<uint8_t*>(std::aligned_alloc(kSmallAlignment, bytes));
    if (*memory == nullptr) memory = arrow::Status::OutOfMemory("the system refused ", bytes, " bytes");
  }
  budget_->TrimKept();
  if (!memory.ok()) {
    ledger_->Release(bytes);
    return memory.status();
  }
  *out = *memory;
  charged_ += bytes;
  ++references_;
  return arrow::Status::OK();
}

arrow::Status HandOverPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
  if (old_size > 0 && new_size > 0 && Rounded(old_size) == Rounded(new_size)) return arrow::Status::OK();
  uint8_t* moved;
  ARROW_RETURN_NOT_OK(Allocate(new_size, alignment, &moved));
  std::memcpy(moved, *ptr, std::min(old_size, new_size));
  Free(*ptr, old_size, alignment);
  *ptr = moved;
  return arrow::Status::OK();
}

bool HandOverPool::ReleaseCharge(int64_t bytes) {
  if (ended_) return false;
  std::lock_guard lock(mutex_);
  if (ended_) return false;
  charged_ -= bytes;
  ledger_->Release(bytes);
  return true;
}

void HandOverPool::Free(uint8_t* buffer, int64_t size, int64_t) {
  if (size == 0) return DropReference();
  const int64_t bytes = Rounded(size);
  if (bytes >= kArenaBytesMin) arena_->Free(buffer, bytes);
  else std::free(buffer);
  if (!ReleaseCharge(bytes)) budget_->TrimKept();
  DropReference();
}

}  // namespace millstream
