#include "memory/budget_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"
#include "base/status.h"

namespace millstream {
namespace {

constexpr int64_t kSmallAlignment = arrow::kDefaultBufferAlignment;
static_assert(kSmallAlignment == 64);

/// What allocations of no bytes point to.
alignas(PageArena::kPageBytes) uint8_t no_bytes[1];

bool InArena(int64_t size) { return size >= BudgetPool::kArenaBytesMin; }

uint8_t* AllocateSmall(int64_t size, int64_t alignment) {
  const int64_t aligned = std::max(alignment, kSmallAlignment);
  const int64_t rounded = (size + aligned - 1) / aligned * aligned;
  return static_cast<uint8_t*>(std::aligned_alloc(static_cast<size_t>(aligned), static_cast<size_t>(rounded)));
}

Status CheckRequest(int64_t size, int64_t alignment) {
  if (size < 0) return MakeError(ErrorKind::kInvalidArgument, "Negative allocation: " + std::to_string(size));
  if (alignment <= 0 || (alignment & (alignment - 1)) != 0 || alignment > PageArena::kPageBytes) {
    return MakeError(ErrorKind::kInvalidArgument, "Unsupported alignment: " + std::to_string(alignment));
  }
  return Status::OK();
}

}  // namespace

int64_t BudgetPool::ChargedBytes(int64_t size) {
  if (size == 0) return 0;
  return InArena(size) ? PageArena::RoundUp(size) : (size + kSmallAlignment - 1) / kSmallAlignment * kSmallAlignment + kSmallOverheadBytes;
}

/// Passes everything on, and grants small requests that were refused.
class BudgetPool::LibraryPool : public arrow::MemoryPool {
 public:
  explicit LibraryPool(BudgetPool* base) : base_(base) {}

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    const Status granted = base_->Allocate(size, alignment, out);
    return granted.ok() || size > kNeverRefusedBytes ? granted : base_->AllocateUnasked(size, alignment, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    const Status granted = base_->Reallocate(old_size, new_size, alignment, ptr);
    if (granted.ok() || new_size > kNeverRefusedBytes) return granted;
    uint8_t* moved = nullptr;
    ARROW_RETURN_NOT_OK(base_->AllocateUnasked(new_size, alignment, &moved));
    std::memcpy(moved, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    base_->Free(*ptr, old_size, alignment);
    *ptr = moved;
    return Status::OK();
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override { base_->Free(buffer, size, alignment); }
  int64_t bytes_allocated() const override { return base_->bytes_allocated(); }
  int64_t total_bytes_allocated() const override { return base_->total_bytes_allocated(); }
  int64_t num_allocations() const override { return base_->num_allocations(); }
  int64_t max_memory() const override { return base_->max_memory(); }
  std::string backend_name() const override { return base_->backend_name(); }

 private:
  BudgetPool* const base_;
};

BudgetPool::BudgetPool(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena)
    : ledger_(std::move(ledger)), arena_(std::move(arena)), stats_(std::make_shared<arrow::internal::MemoryPoolStats>()),
      library_pool_(std::make_unique<LibraryPool>(this)) {}
BudgetPool::~BudgetPool() = default;

arrow::MemoryPool* BudgetPool::for_libraries() { return library_pool_.get(); }

std::shared_ptr<BudgetPool> BudgetPool::Make(std::shared_ptr<Ledger> ledger, std::shared_ptr<PageArena> arena) {
  ledger->budget()->Attach(arena);
  return std::shared_ptr<BudgetPool>(new BudgetPool(std::move(ledger), std::move(arena)));
}

/// Charges and allocates; the arena is trimmed afterwards, so that kept pages serve the request before they are given back.
arrow::Result<uint8_t*> BudgetPool::Take(int64_t size, int64_t alignment) {
  if (size > INT64_MAX - PageArena::kPageBytes || !ledger_->TryChargeUntrimmed(ChargedBytes(size))) return RefusedCharge(*ledger_, size);
  if (InArena(size)) {
    auto run = arena_->Allocate(size);
    if (!run.ok()) ledger_->Release(ChargedBytes(size));
    ledger_->budget()->TrimKept();
    return run;
  }
  uint8_t* data = AllocateSmall(size, alignment);
  if (data == nullptr) {
    ledger_->Release(ChargedBytes(size));
    return MakeError(ErrorKind::kBudget, "The system gives no memory for " + FormatBytes(size));
  }
  ledger_->budget()->TrimKept();
  return data;
}

Status BudgetPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ARROW_RETURN_NOT_OK(CheckRequest(size, alignment));
  if (size == 0) {
    *out = no_bytes;
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(*out, Take(size, alignment));
  stats_->DidAllocateBytes(size);
  return Status::OK();
}

Status BudgetPool::AllocateUnasked(int64_t size, int64_t alignment, uint8_t** out) {
  ARROW_RETURN_NOT_OK(CheckRequest(size, alignment));
  *out = AllocateSmall(size, alignment);
  if (*out == nullptr) return MakeError(ErrorKind::kBudget, "The system gives no memory for " + FormatBytes(size));
  ledger_->ForceCharge(ChargedBytes(size));
  stats_->DidAllocateBytes(size);
  return Status::OK();
}

void BudgetPool::Free(uint8_t* buffer, int64_t size, int64_t) {
  if (size == 0 || buffer == no_bytes) return;
  if (InArena(size)) {
    arena_->Free(buffer, size);
  } else {
    std::free(buffer);
  }
  ledger_->Release(ChargedBytes(size));
  stats_->DidFreeBytes(size);
}

/// True if the allocation has its new size where it is.
arrow::Result<bool> BudgetPool::ResizeInPlace(int64_t old_size, int64_t new_size, uint8_t* data) {
  const int64_t change = ChargedBytes(new_size) - ChargedBytes(old_size);
  if (InArena(old_size) != InArena(new_size)) return false;
  if (change == 0) return true;
  if (!InArena(old_size)) return false;
  if (change < 0) {
    arena_->ShrinkTail(data, old_size, new_size);
    ledger_->Release(-change);
    return true;
  }
  if (!ledger_->TryChargeUntrimmed(change)) return RefusedCharge(*ledger_, change);
  const bool grown = arena_->GrowTail(data, old_size, new_size);
  if (!grown) ledger_->Release(change);
  ledger_->budget()->TrimKept();
  return grown;
}

Status BudgetPool::MoveTo(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** data) {
  uint8_t* moved = nullptr;
  ARROW_RETURN_NOT_OK(Allocate(new_size, alignment, &moved));
  std::memcpy(moved, *data, static_cast<size_t>(std::min(old_size, new_size)));
  Free(*data, old_size, alignment);
  *data = moved;
  return Status::OK();
}

Status BudgetPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
  ARROW_RETURN_NOT_OK(CheckRequest(new_size, alignment));
  if (new_size > INT64_MAX - PageArena::kPageBytes) return RefusedCharge(*ledger_, new_size);
  if (old_size == 0 || new_size == 0) return MoveTo(old_size, new_size, alignment, ptr);
  ARROW_ASSIGN_OR_RAISE(const bool in_place, ResizeInPlace(old_size, new_size, *ptr));
  if (!in_place) return MoveTo(old_size, new_size, alignment, ptr);
  stats_->DidReallocateBytes(old_size, new_size);
  return Status::OK();
}

int64_t BudgetPool::bytes_allocated() const { return stats_->bytes_allocated(); }
int64_t BudgetPool::total_bytes_allocated() const { return stats_->total_bytes_allocated(); }
int64_t BudgetPool::num_allocations() const { return stats_->num_allocations(); }
int64_t BudgetPool::max_memory() const { return stats_->max_memory(); }

arrow::Result<std::shared_ptr<BudgetPool::OwnedBuffer>> BudgetPool::AllocateOwned(int64_t bytes, int64_t alignment) {
  uint8_t* data = nullptr;
  ARROW_RETURN_NOT_OK(Allocate(bytes, alignment, &data));
  return std::make_shared<OwnedBuffer>(data, bytes, *this);
}

BudgetPool::OwnedBuffer::OwnedBuffer(uint8_t* data, int64_t size, const BudgetPool& pool)
    : arrow::MutableBuffer(data, size),
      arena_(InArena(size) ? pool.arena_ : nullptr),
      budget_(pool.ledger_->budget()),
      stats_(pool.stats_),
      charged_(pool.ledger_),
      held_bytes_(ChargedBytes(size)) {
  capacity_ = size;
}

BudgetPool::OwnedBuffer::~OwnedBuffer() {
  if (arena_ != nullptr) {
    arena_->Free(mutable_data(), held_bytes_);
  } else if (capacity_ > 0) {
    std::free(mutable_data());
  }
  stats_->DidFreeBytes(capacity_);
  if (charged_ != nullptr) {
    charged_->Release(held_bytes_);
  } else {
    budget_->TrimKept();
  }
}

void BudgetPool::OwnedBuffer::EndCharge() {
  if (charged_ != nullptr) charged_->Release(held_bytes_);
  charged_.reset();
}

void BudgetPool::OwnedBuffer::MoveCharge(std::shared_ptr<Ledger> ledger) {
  if (charged_ != nullptr) {
    charged_->TransferTo(*ledger, held_bytes_);
  } else {
    ledger->ForceCharge(held_bytes_);
  }
  charged_ = std::move(ledger);
}

void BudgetPool::OwnedBuffer::ShrinkTail(int64_t new_size) {
  if (new_size >= size_) return;
  size_ = new_size;
  if (arena_ == nullptr) return;
  const int64_t held = std::max(PageArena::RoundUp(new_size), PageArena::kPageBytes);
  arena_->ShrinkTail(mutable_data(), held_bytes_, held);
  stats_->DidFreeBytes(capacity_ - new_size);
  capacity_ = new_size;
  if (charged_ != nullptr) {
    charged_->Release(held_bytes_ - held);
  } else {
    budget_->TrimKept();
  }
  held_bytes_ = held;
}

}  // namespace millstream
