#include "memory/page_arena.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/cpu_clock.h"
#include "base/fork.h"
#include "base/status.h"
#include "memory/huge_page_choice.h"
#include "memory/page_range.h"
#include "memory/run_index.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace millstream {
namespace {

using ChunkBits = RunIndex::ChunkBits;
constexpr int64_t kChunkPages = RunIndex::kChunkPages;
constexpr int64_t kPageBytes = PageArena::kPageBytes;
static_assert(kChunkPages * kPageBytes == PageArena::kChunkBytes);

/// Room for fragmentation: runs of every size find a gap although only physical memory is scarce.
int64_t AddressBytesWanted() {
  const int64_t physical = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  int64_t bytes = int64_t{64} << 30;
  while (bytes < 8 * physical && bytes < (int64_t{1} << 45)) bytes *= 2;
  return bytes;
}

Status RefusedBySystem(int64_t bytes) {
  return MakeError(ErrorKind::kBudget, "The system gives no address space for " + FormatBytes(bytes) + "; look at ulimit -v and vm.overcommit_memory");
}

/// A set of chunks, scanned from the highest.
class ChunkSet {
 public:
  void Resize(int64_t chunks) { words_.resize(static_cast<size_t>((chunks + 63) / 64)); }
  void Put(int64_t chunk, bool member) {
    uint64_t& word = words_[static_cast<size_t>(chunk / 64)];
    const uint64_t bit = uint64_t{1} << (chunk % 64);
    word = member ? word | bit : word & ~bit;
  }
  /// The highest member, or -1.
  int64_t Highest() const {
    for (size_t word = words_.size(); word-- > 0;) {
      if (words_[word] != 0) return static_cast<int64_t>(word * 64) + 63 - __builtin_clzll(words_[word]);
    }
    return -1;
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace

struct PageArena::State {
  struct Chunk {
    ChunkBits resident;  // counted as resident: a huge chunk opens with all of it
    bool huge = true;    // backed by a huge page at the next touch
  };
  /// Pages of one chunk on their way back to the system.
  struct Bite {
    int64_t chunk = -1;
    ChunkBits pages;
    bool to_small = false;
  };

  State(int64_t kept_max, Backing backing) : kept_bytes_max(kept_max), chooses(backing == Backing::kCheapest), range(AddressBytesWanted(), kChunkBytes) {}
  ~State() { ASAN_UNPOISON_MEMORY_REGION(range.data(), static_cast<size_t>(chunks.size()) * kChunkBytes); }

  int64_t PageOf(const uint8_t* address) const { return (address - range.data()) / kPageBytes; }
  bool Grow(int64_t pages);
  void Take(int64_t page, int64_t pages);
  /// Decides what backs a chunk of which nothing is resident. True where the first touch is to be timed.
  bool OpenChunk(int64_t number);
  void TimeTouch(uint8_t* page);
  void Return(int64_t page, int64_t pages);
  void Classify(int64_t chunk);
  Bite TakeBite(int64_t kept_pages_target);
  void GiveBack(const Bite& bite);
  void Finish(const Bite& bite);
  void TrimTo(int64_t kept_bytes);
  template <typename Visit>
  void ForEachChunk(int64_t page, int64_t pages, Visit visit);

  const int64_t kept_bytes_max;
  const bool huge_pages = HugePagesAvailable();
  const bool chooses;
  ForkGuard fork;
  PageRange range;
  std::mutex mutex;
  RunIndex index;
  HugePageChoice choice;
  std::vector<Chunk> chunks;
  ChunkSet whole_kept;   // nothing used, something resident
  ChunkSet partly_kept;  // something used, some free pages resident
  int64_t trimming_pages = 0;
  std::atomic<int64_t> used_pages{0};
  std::atomic<int64_t> kept_pages{0};
};

template <typename Visit>
void PageArena::State::ForEachChunk(int64_t page, int64_t pages, Visit visit) {
  for (int64_t at = page; at < page + pages;) {
    const int64_t chunk = at / kChunkPages, begin = at % kChunkPages;
    const int64_t end = std::min(kChunkPages, begin + page + pages - at);
    visit(chunk, ChunkBits::Range(begin, end));
    at += end - begin;
  }
}

bool PageArena::State::Grow(int64_t pages) {
  const int64_t begin = index.chunks() * kChunkBytes;
  const int64_t bytes = (pages * kPageBytes + kSlabBytes - 1) / kSlabBytes * kSlabBytes;
  if (begin + bytes > range.size_bytes() || !range.MakeUsable(begin, bytes)) return false;
  range.SetHuge(begin, bytes, true);
  ASAN_POISON_MEMORY_REGION(range.data() + begin, static_cast<size_t>(bytes));
  index.Grow(bytes / kChunkBytes);
  chunks.resize(static_cast<size_t>(index.chunks()));
  whole_kept.Resize(index.chunks());
  partly_kept.Resize(index.chunks());
  return true;
}

void PageArena::State::Classify(int64_t chunk) {
  const ChunkBits& used = index.used(chunk);
  const bool kept = !(chunks[static_cast<size_t>(chunk)].resident & ~used).empty();
  whole_kept.Put(chunk, kept && used.empty());
  partly_kept.Put(chunk, kept && !used.empty());
}

void PageArena::State::Take(int64_t page, int64_t pages) {
  index.MarkUsed(page, pages);
  int64_t became_resident = 0;
  uint8_t* timed = nullptr;
  ForEachChunk(page, pages, [&](int64_t number, const ChunkBits& bits) {
    Chunk& chunk = chunks[static_cast<size_t>(number)];
    if (chunk.resident.empty() && huge_pages && OpenChunk(number)) timed = range.data() + std::max(page, number * kChunkPages) * kPageBytes;
    const ChunkBits now = chunk.huge && huge_pages ? ChunkBits::All() : chunk.resident | bits;
    became_resident += now.count() - chunk.resident.count();
    chunk.resident = now;
    Classify(number);
  });
  used_pages += pages;
  kept_pages += became_resident - pages;
  ASAN_UNPOISON_MEMORY_REGION(range.data() + page * kPageBytes, static_cast<size_t>(pages * kPageBytes));
  if (timed != nullptr) TimeTouch(timed);
}

bool PageArena::State::OpenChunk(int64_t number) {
  Chunk& chunk = chunks[static_cast<size_t>(number)];
  const auto next = chooses ? choice.Choose() : HugePageChoice::Next{};
  if (chunk.huge != next.huge) range.SetHuge(number * kChunkBytes, kChunkBytes, next.huge);
  chunk.huge = next.huge;
  return next.timed;
}

void PageArena::State::TimeTouch(uint8_t* page) {
  const int64_t begun = ThreadCpuNanoseconds();
  *page = 0;
  choice.Touched(ThreadCpuNanoseconds() - begun);
}

void PageArena::State::Return(int64_t page, int64_t pages) {
  ASAN_POISON_MEMORY_REGION(range.data() + page * kPageBytes, static_cast<size_t>(pages * kPageBytes));
  {
    std::lock_guard lock(mutex);
    index.MarkFree(page, pages);
    ForEachChunk(page, pages, [&](int64_t number, const ChunkBits&) { Classify(number); });
    used_pages -= pages;
    kept_pages += pages;
  }
  TrimTo(kept_bytes_max);
}

/// Takes free resident pages out of the index, as if in use, so that no lock is held while the system takes them back.
PageArena::State::Bite PageArena::State::TakeBite(int64_t kept_pages_target) {
  std::lock_guard lock(mutex);
  if (kept_pages - trimming_pages <= kept_pages_target) return {};
  const int64_t whole = whole_kept.Highest();
  const int64_t number = whole >= 0 ? whole : partly_kept.Highest();
  if (number < 0) return {};
  Chunk& chunk = chunks[static_cast<size_t>(number)];
  const Bite bite{number, chunk.resident & ~index.used(number), whole < 0 && chunk.huge && huge_pages};
  if (bite.to_small) chunk.huge = false;
  trimming_pages += bite.pages.count();
  index.MarkBits(number, bite.pages, true);
  Classify(number);
  return bite;
}

void PageArena::State::GiveBack(const Bite& bite) {
  const int64_t offset = bite.chunk * kChunkBytes;
  // Without this the next touch of a neighbour would bring the whole huge page back.
  if (bite.to_small) range.SetHuge(offset, kChunkBytes, false);
  RunIndex::ForEachZeroRun(~bite.pages, [&](int64_t page, int64_t pages) {
    range.GiveBack(offset + page * kPageBytes, pages * kPageBytes);
    return false;
  });
}

void PageArena::State::Finish(const Bite& bite) {
  std::lock_guard lock(mutex);
  Chunk& chunk = chunks[static_cast<size_t>(bite.chunk)];
  chunk.resident = chunk.resident & ~bite.pages;
  index.MarkBits(bite.chunk, bite.pages, false);
  kept_pages -= bite.pages.count();
  trimming_pages -= bite.pages.count();
  Classify(bite.chunk);
}

void PageArena::State::TrimTo(int64_t kept_bytes) {
  const int64_t target = std::max<int64_t>(kept_bytes, 0) / kPageBytes;
  if (kept_pages.load(std::memory_order_relaxed) <= target) return;
  for (Bite bite = TakeBite(target); bite.chunk >= 0; bite = TakeBite(target)) {
    GiveBack(bite);
    Finish(bite);
  }
}

PageArena::PageArena() = default;
PageArena::~PageArena() = default;

std::shared_ptr<PageArena> PageArena::Make(int64_t kept_bytes_max, Backing backing) {
  std::shared_ptr<PageArena> arena(new PageArena());
  arena->state_ = std::make_unique<State>(kept_bytes_max, backing);
  return arena;
}

arrow::Result<uint8_t*> PageArena::Allocate(int64_t bytes) {
  State& state = *state_;
  if (bytes <= 0) return MakeError(ErrorKind::kInvalidArgument, "A run of pages must have at least one byte");
  if (state.fork.inherited()) return MakeError(ErrorKind::kStale, "This memory belongs to the parent process");
  if (bytes > state.range.size_bytes()) return RefusedBySystem(bytes);
  const int64_t pages = RoundUp(bytes) / kPageBytes;
  std::lock_guard lock(state.mutex);
  int64_t page = state.index.Find(pages);
  if (page < 0) {
    if (!state.Grow(pages)) return RefusedBySystem(bytes);
    page = state.index.Find(pages);
  }
  state.Take(page, pages);
  return state.range.data() + page * kPageBytes;
}

void PageArena::Free(uint8_t* run, int64_t bytes) { ShrinkTail(run, bytes, 0); }

void PageArena::ShrinkTail(uint8_t* run, int64_t old_bytes, int64_t new_bytes) {
  State& state = *state_;
  const int64_t kept = RoundUp(new_bytes), freed = RoundUp(old_bytes) - kept;
  if (freed <= 0 || state.fork.inherited()) return;
  state.Return(state.PageOf(run + kept), freed / kPageBytes);
}

uint8_t* PageArena::ShrinkHead(uint8_t* run, int64_t bytes, int64_t offset) {
  State& state = *state_;
  const int64_t freed = std::min(offset, RoundUp(bytes)) / kPageBytes * kPageBytes;
  if (freed > 0 && !state.fork.inherited()) state.Return(state.PageOf(run), freed / kPageBytes);
  return run + freed;
}

bool PageArena::GrowTail(uint8_t* run, int64_t old_bytes, int64_t new_bytes) {
  State& state = *state_;
  const int64_t old_rounded = RoundUp(old_bytes), pages = (RoundUp(new_bytes) - old_rounded) / kPageBytes;
  if (state.fork.inherited()) return false;
  if (pages <= 0) return true;
  const int64_t page = state.PageOf(run + old_rounded);
  std::lock_guard lock(state.mutex);
  if (!state.index.AllFree(page, pages)) return false;
  state.Take(page, pages);
  return true;
}

void PageArena::Trim(int64_t kept_bytes) {
  if (!state_->fork.inherited()) state_->TrimTo(kept_bytes);
}

int64_t PageArena::used_bytes() const { return state_->used_pages.load(std::memory_order_relaxed) * kPageBytes; }
int64_t PageArena::kept_bytes() const { return state_->kept_pages.load(std::memory_order_relaxed) * kPageBytes; }

}  // namespace millstream
