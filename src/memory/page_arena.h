#pragma once
/// Recycled page memory for large buffers.
///
/// First touch of fresh memory costs a quarter to half a second for 2 GB, so freed pages are kept mapped and handed out again.
/// Memory is taken from the system in slabs (64 MiB of address space, MADV_HUGEPAGE), and divided into pages of kPageBytes; an
/// allocation is a run of pages, first fit by address; larger ones than a slab get their own mapping, cached by size.
/// A run can be shrunk in place from either end. Kept pages count in RSS, so the Budget trims them (Trim) when charged plus kept bytes
/// would pass the limit. Outlives every buffer cut from it: holders keep a shared_ptr.
///
/// Thread safety: all methods may be called from any thread.

#include <arrow/result.h>

#include <cstdint>
#include <memory>

namespace millstream {

class PageArena {
 public:
  static constexpr int64_t kPageBytes = 16 << 10;

  /// `kept_bytes_max`: free pages above it go back to the system at once.
  static std::shared_ptr<PageArena> Make(int64_t kept_bytes_max);
  ~PageArena();

  static constexpr int64_t RoundUp(int64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

  /// A run of RoundUp(bytes), aligned to kPageBytes, contents undefined. OutOfMemory if the system refuses.
  arrow::Result<uint8_t*> Allocate(int64_t bytes);
  void Free(uint8_t* run, int64_t bytes);
  /// Gives back the pages of [run + new_bytes, run + old_bytes), rounded to whole pages.
  void ShrinkTail(uint8_t* run, int64_t old_bytes, int64_t new_bytes);
  /// Gives back the whole pages before run + offset; the run now starts at the returned address (page aligned, <= run + offset).
  uint8_t* ShrinkHead(uint8_t* run, int64_t bytes, int64_t offset);

  /// Returns free pages to the system until at most `kept_bytes` are kept.
  void Trim(int64_t kept_bytes);
  int64_t used_bytes() const;
  int64_t kept_bytes() const;

 private:
  PageArena();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millstream
