#include "memory/budget.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/bytes.h"
#include "base/fork.h"
#include "base/status.h"

namespace millstream {
namespace {

/// Of the limit, not for free pages: what malloc keeps of small allocations that were charged and are free again is resident too, and nobody counts it.
constexpr int64_t kMallocShare = 16;

}  // namespace

struct Ledger::State {
  std::shared_ptr<Budget> budget;
  std::string name;
  int64_t floor = 0;
  std::shared_ptr<LedgerGroup> group;  // may be null
  // Written under the budget's mutex.
  std::atomic<int64_t> used{0};
  std::atomic<int64_t> peak{0};
  std::atomic<int64_t> shrink_wanted{0};
  std::atomic<bool> elastic{false};

  int64_t reserved() const { return std::max(floor, used.load(std::memory_order_relaxed)); }
};

struct Budget::State {
  explicit State(int64_t limit_bytes) : limit(limit_bytes) {}

  bool TryAdd(Ledger::State& ledger, int64_t bytes);
  void Add(Ledger::State& ledger, int64_t bytes);
  void Reserve(Ledger::State& ledger, int64_t bytes);
  void AskToShrink(const Ledger::State* asker, int64_t bytes);
  int64_t TakeAwayLocked(Ledger::State& ledger, int64_t bytes);
  Status RefusedFloor(const std::string& name, int64_t floor_bytes) const;
  void AnnounceRelease();

  const int64_t limit;
  ForkGuard fork;
  mutable std::mutex mutex;
  std::condition_variable released;
  uint64_t releases = 0;
  int64_t reserved = 0;
  int64_t floors = 0;
  std::atomic<int64_t> used{0};
  int64_t peak = 0;
  std::vector<Ledger::State*> ledgers;
  std::vector<std::shared_ptr<PageArena>> arenas;
  std::vector<std::function<void()>> waiting;
  std::atomic<bool> anyone_waiting{false};
  std::function<bool(const std::string&, int64_t)> refuse;
};

/// `bytes` more than before, or fewer.
void Budget::State::Reserve(Ledger::State& ledger, int64_t bytes) {
  reserved += bytes;
  if (ledger.group != nullptr) ledger.group->reserved_ += bytes;
}

void Budget::State::Add(Ledger::State& ledger, int64_t bytes) {
  const int64_t before = ledger.reserved();
  const int64_t now = ledger.used += bytes;
  Reserve(ledger, ledger.reserved() - before);
  used += bytes;
  ledger.peak = std::max(ledger.peak.load(), now);
  peak = std::max(peak, used.load());
}

bool Budget::State::TryAdd(Ledger::State& ledger, int64_t bytes) {
  if (refuse && refuse(ledger.name, bytes)) return false;
  if (bytes > limit) return false;
  const int64_t rise = std::max(ledger.floor, ledger.used + bytes) - ledger.reserved();
  if (rise > 0 && ledger.group != nullptr && ledger.group->reserved_ + rise > ledger.group->most_bytes_) return false;
  if (rise > 0 && reserved + rise > limit) {
    AskToShrink(&ledger, reserved + rise - limit);
    return false;
  }
  Add(ledger, bytes);
  return true;
}

/// Posts the wish to the largest elastic holders first; wishes do not add up, for a refused asker asks again.
void Budget::State::AskToShrink(const Ledger::State* asker, int64_t bytes) {
  std::vector<Ledger::State*> holders;
  for (Ledger::State* ledger : ledgers) {
    if (ledger != asker && ledger->elastic && ledger->used > ledger->floor) holders.push_back(ledger);
  }
  std::sort(holders.begin(), holders.end(), [](auto* a, auto* b) { return a->used - a->floor > b->used - b->floor; });
  for (Ledger::State* holder : holders) {
    if (bytes <= 0) return;
    const int64_t wanted = std::min(bytes, holder->used - holder->floor);
    holder->shrink_wanted = std::max(holder->shrink_wanted.load(), wanted);
    bytes -= wanted;
  }
}

int64_t Budget::State::TakeAwayLocked(Ledger::State& ledger, int64_t bytes) {
  assert(bytes <= ledger.used && "more released than was charged");
  bytes = std::min(bytes, ledger.used.load());
  const int64_t before = ledger.reserved();
  ledger.used -= bytes;
  used -= bytes;
  Reserve(ledger, ledger.reserved() - before);
  return bytes;
}

void Budget::State::AnnounceRelease() {
  std::vector<std::function<void()>> calls;
  {
    std::lock_guard lock(mutex);
    calls.swap(waiting);
    anyone_waiting = false;
  }
  released.notify_all();
  for (const auto& call : calls) call();
}

Status Budget::State::RefusedFloor(const std::string& name, int64_t floor_bytes) const {
  // Elastic holders shrink in time: they raise the number only where the floors alone would fit.
  const int64_t enough = floors + floor_bytes > limit ? floors + floor_bytes : reserved + floor_bytes;
  return MakeError(ErrorKind::kBudget,
                   "The memory limit of " + FormatBytes(limit) + " leaves " + FormatBytes(std::max<int64_t>(limit - reserved, 0)) +
                       " free, and '" + name + "' needs at least " + FormatBytes(floor_bytes) +
                       ": set memory_limit (or MILLSTREAM_MEMORY_LIMIT) to at least " + std::to_string(enough) + " bytes (" +
                       FormatBytes(enough) + ")");
}

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}

Ledger::~Ledger() {
  Budget::State& budget = *state_->budget->state_;
  if (budget.fork.inherited()) return;
  {
    std::lock_guard lock(budget.mutex);
    budget.TakeAwayLocked(*state_, state_->used);
    budget.Reserve(*state_, -state_->floor);
    budget.floors -= state_->floor;
    std::erase(budget.ledgers, state_.get());
    ++budget.releases;
  }
  budget.AnnounceRelease();
}

bool Ledger::TryChargeUntrimmed(int64_t bytes) {
  Budget::State& budget = *state_->budget->state_;
  if (budget.fork.inherited()) return false;
  std::lock_guard lock(budget.mutex);
  return budget.TryAdd(*state_, bytes);
}

bool Ledger::TryCharge(int64_t bytes) {
  if (!TryChargeUntrimmed(bytes)) return false;
  state_->budget->TrimKept();
  return true;
}

void Ledger::ForceCharge(int64_t bytes) {
  Budget::State& budget = *state_->budget->state_;
  if (budget.fork.inherited()) return;
  {
    std::lock_guard lock(budget.mutex);
    budget.Add(*state_, bytes);
    if (budget.reserved > budget.limit) budget.AskToShrink(state_.get(), budget.reserved - budget.limit);
  }
  state_->budget->TrimKept();
}

void Ledger::Release(int64_t bytes) {
  Budget::State& budget = *state_->budget->state_;
  if (budget.fork.inherited() || bytes == 0) return;
  {
    std::lock_guard lock(budget.mutex);
    budget.TakeAwayLocked(*state_, bytes);
    ++budget.releases;
    if (!budget.anyone_waiting) return;
  }
  budget.AnnounceRelease();
}

bool Ledger::TrySetFloor(int64_t bytes) {
  Budget::State& budget = *state_->budget->state_;
  if (budget.fork.inherited()) return false;
  {
    std::lock_guard lock(budget.mutex);
    const int64_t rise = std::max<int64_t>(bytes, state_->used) - state_->reserved();
    if (rise > 0 && ((budget.refuse && budget.refuse(state_->name, rise)) || budget.reserved + rise > budget.limit)) {
      budget.AskToShrink(state_.get(), budget.reserved + rise - budget.limit);
      return false;
    }
    budget.floors += bytes - state_->floor;
    budget.Reserve(*state_, rise);
    state_->floor = bytes;
    if (rise >= 0 || !budget.anyone_waiting) return true;
    ++budget.releases;
  }
  budget.AnnounceRelease();
  return true;
}

void Ledger::JoinGroup(std::shared_ptr<LedgerGroup> group) {
  std::lock_guard lock(state_->budget->state_->mutex);
  group->reserved_ += state_->reserved();
  state_->group = std::move(group);
}

void Ledger::SetGroupMost(int64_t bytes) {
  std::lock_guard lock(state_->budget->state_->mutex);
  if (state_->group != nullptr) state_->group->most_bytes_ = bytes;
}

void Ledger::TransferTo(Ledger& other, int64_t bytes) {
  Budget::State& budget = *state_->budget->state_;
  if (state_->budget != other.state_->budget) {
    other.ForceCharge(bytes);
    Release(bytes);
    return;
  }
  if (budget.fork.inherited()) return;
  std::lock_guard lock(budget.mutex);
  budget.Add(*other.state_, budget.TakeAwayLocked(*state_, bytes));
}

bool Ledger::TryTransferTo(Ledger& other, int64_t bytes) {
  if (state_->budget != other.state_->budget) {
    if (!other.TryCharge(bytes)) return false;
    Release(bytes);
    return true;
  }
  Budget::State& budget = *state_->budget->state_;
  if (budget.fork.inherited()) return false;
  std::lock_guard lock(budget.mutex);
  bytes = budget.TakeAwayLocked(*state_, bytes);
  if (budget.TryAdd(*other.state_, bytes)) return true;
  budget.Add(*state_, bytes);
  return false;
}

const std::string& Ledger::name() const { return state_->name; }
int64_t Ledger::used_bytes() const { return state_->used; }
int64_t Ledger::floor_bytes() const { return state_->floor; }
int64_t Ledger::peak_bytes() const { return state_->peak; }
const std::shared_ptr<Budget>& Ledger::budget() const { return state_->budget; }
int64_t Ledger::shrink_wanted_bytes() const { return state_->shrink_wanted.load(std::memory_order_relaxed); }
void Ledger::ClearShrink() { state_->shrink_wanted = 0; }
void Ledger::SetElastic(bool elastic) { state_->elastic = elastic; }

Budget::Budget(int64_t limit_bytes) : state_(std::make_unique<State>(limit_bytes)) {}
Budget::~Budget() = default;

std::shared_ptr<Budget> Budget::Make(int64_t limit_bytes) { return std::shared_ptr<Budget>(new Budget(limit_bytes)); }

arrow::Result<std::shared_ptr<Ledger>> Budget::Open(const std::shared_ptr<Budget>& budget, std::string name, int64_t floor_bytes) {
  State& state = *budget->state_;
  if (floor_bytes < 0) return MakeError(ErrorKind::kInvalidArgument, "A ledger's floor is negative: " + name);
  if (state.fork.inherited()) return MakeError(ErrorKind::kStale, "This memory budget belongs to the parent process");
  auto ledger = std::make_unique<Ledger::State>();
  ledger->budget = budget;
  ledger->name = std::move(name);
  ledger->floor = floor_bytes;
  std::lock_guard lock(state.mutex);
  if (state.reserved + floor_bytes > state.limit) {
    state.AskToShrink(nullptr, state.reserved + floor_bytes - state.limit);
    return state.RefusedFloor(ledger->name, floor_bytes);
  }
  state.reserved += floor_bytes;
  state.floors += floor_bytes;
  state.ledgers.push_back(ledger.get());
  return std::shared_ptr<Ledger>(new Ledger(std::move(ledger)));
}

int64_t Budget::limit_bytes() const { return state_->limit; }
int64_t Budget::used_bytes() const { return state_->used; }
int64_t Budget::free_bytes() const { return limit_bytes() - reserved_bytes(); }

int64_t Budget::reserved_bytes() const {
  if (state_->fork.inherited()) return state_->limit;
  std::lock_guard lock(state_->mutex);
  return state_->reserved;
}

int64_t Budget::peak_bytes() const {
  if (state_->fork.inherited()) return 0;
  std::lock_guard lock(state_->mutex);
  return state_->peak;
}

void Budget::Attach(std::shared_ptr<PageArena> arena) {
  if (state_->fork.inherited()) return;
  std::lock_guard lock(state_->mutex);
  if (std::find(state_->arenas.begin(), state_->arenas.end(), arena) == state_->arenas.end()) state_->arenas.push_back(std::move(arena));
}

void Budget::TrimKept() {
  if (state_->fork.inherited()) return;
  std::vector<std::pair<std::shared_ptr<PageArena>, int64_t>> trims;  // and what each may keep
  {
    std::lock_guard lock(state_->mutex);
    int64_t room = state_->limit - state_->limit / kMallocShare - state_->used;
    for (const auto& arena : state_->arenas) {
      const int64_t kept = arena->kept_bytes();
      if (kept > room) trims.emplace_back(arena, std::max<int64_t>(room, 0));
      room -= std::min(kept, std::max<int64_t>(room, 0));
    }
  }
  for (const auto& [arena, kept] : trims) arena->Trim(kept);
}

bool Budget::WaitForRelease(std::chrono::milliseconds timeout) {
  if (state_->fork.inherited()) return false;
  std::unique_lock lock(state_->mutex);
  const uint64_t before = state_->releases;
  state_->anyone_waiting = true;
  return state_->released.wait_for(lock, timeout, [&] { return state_->releases != before; });
}

void Budget::OnNextRelease(std::function<void()> released) {
  if (state_->fork.inherited()) return;
  std::lock_guard lock(state_->mutex);
  state_->waiting.push_back(std::move(released));
  state_->anyone_waiting = true;
}

void Budget::InjectRefusals(std::function<bool(const std::string&, int64_t)> refuse) {
  std::lock_guard lock(state_->mutex);
  state_->refuse = std::move(refuse);
}

std::vector<Budget::LedgerUse> Budget::Uses() const {
  std::vector<LedgerUse> uses;
  if (state_->fork.inherited()) return uses;
  std::lock_guard lock(state_->mutex);
  for (const Ledger::State* ledger : state_->ledgers) uses.push_back({ledger->name, ledger->used, ledger->floor, ledger->peak});
  return uses;
}

arrow::Status RefusedCharge(const Ledger& ledger, int64_t bytes) {
  const Budget& budget = *ledger.budget();
  return MakeError(ErrorKind::kBudget, "Out of memory budget: '" + ledger.name() + "' asked for " + FormatBytes(bytes) + " and holds " +
                                           FormatBytes(ledger.used_bytes()) + "; the limit is " + FormatBytes(budget.limit_bytes()) + " with " +
                                           FormatBytes(std::max<int64_t>(budget.free_bytes(), 0)) +
                                           " free. Set a larger memory_limit (or MILLSTREAM_MEMORY_LIMIT)");
}

arrow::Result<Reservation> Reservation::Take(std::shared_ptr<Ledger> ledger, int64_t bytes) {
  if (!ledger->TryCharge(bytes)) return RefusedCharge(*ledger, bytes);
  Reservation reservation;
  reservation.ledger_ = std::move(ledger);
  reservation.bytes_ = bytes;
  return reservation;
}

Reservation::Reservation(Reservation&& other) noexcept : ledger_(std::move(other.ledger_)), bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  ledger_ = std::move(other.ledger_);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

Reservation::~Reservation() { Reset(); }

int64_t Reservation::Detach() {
  ledger_.reset();
  return std::exchange(bytes_, 0);
}

void Reservation::Reset() {
  if (ledger_ != nullptr) ledger_->Release(bytes_);
  ledger_.reset();
  bytes_ = 0;
}

}  // namespace millstream
