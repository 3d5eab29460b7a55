#pragma once
/// Recycled page memory for large buffers.
///
/// First touch of fresh memory costs a quarter to half a second a GB, so freed pages are kept mapped and handed out again. Address space is
/// reserved once and made usable in slabs of 64 MiB; an allocation is a run of pages of kPageBytes, first fit by address, so that runs pack
/// densely. A run can be shrunk in place from either end and grown at its tail.
///
/// What is resident is counted in chunks of 2 MiB, because the system backs them by huge pages, unless these turn out to be dear (huge_page_choice.h): a run
/// that opens such a chunk makes all of it count, the rest as kept. Kept pages count in RSS, so whoever owns the limit calls Trim when
/// charged plus kept bytes would pass it. Trim gives back whole free chunks from the highest address; then free pages in chunks partly
/// in use, which are backed by small pages from then on, so that used_bytes + kept_bytes never is less than what is resident.
///
/// Outlives every run cut from it: holders keep a shared_ptr. In a forked child an inherited arena allocates nothing and frees nothing.
///
/// Thread safety: all methods may be called from any thread.

#include <arrow/result.h>

#include <cstdint>
#include <memory>

namespace millstream {

class PageArena {
 public:
  static constexpr int64_t kPageBytes = 16 << 10;
  static constexpr int64_t kChunkBytes = 2 << 20;
  static constexpr int64_t kSlabBytes = 64 << 20;

  enum class Backing : uint8_t { kHuge, kCheapest };
  /// `kept_bytes_max`: free pages above it go back to the system at once.
  static std::shared_ptr<PageArena> Make(int64_t kept_bytes_max, Backing backing = Backing::kHuge);
  ~PageArena();

  static constexpr int64_t RoundUp(int64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

  /// A run of RoundUp(bytes), bytes > 0, aligned to kPageBytes, contents undefined. OutOfMemory if the system refuses.
  arrow::Result<uint8_t*> Allocate(int64_t bytes);
  /// `bytes`: what the run was allocated with, or last shrunk or grown to.
  void Free(uint8_t* run, int64_t bytes);
  /// Gives back the pages of [run + new_bytes, run + old_bytes), rounded to whole pages; new_bytes of 0 frees the run.
  void ShrinkTail(uint8_t* run, int64_t old_bytes, int64_t new_bytes);
  /// Gives back the whole pages before run + offset; the run now starts at the returned address (page aligned, <= run + offset).
  uint8_t* ShrinkHead(uint8_t* run, int64_t bytes, int64_t offset);
  /// Takes the pages after the run up to new_bytes if they are free; false, with nothing changed, if not.
  bool GrowTail(uint8_t* run, int64_t old_bytes, int64_t new_bytes);

  /// Returns free pages to the system until at most `kept_bytes` are kept.
  void Trim(int64_t kept_bytes);
  int64_t used_bytes() const;
  /// Free but resident, pages on their way back to the system included.
  int64_t kept_bytes() const;

 private:
  PageArena();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millstream
