#pragma once
/// The system calls under the page arena: a reserved range of addresses, made usable from its start on.

#include <cstdint>

namespace millstream {

class PageRange {
 public:
  /// Reserves as much as the system grants, `alignment` a power of two; size_bytes() is 0 if it grants nothing.
  PageRange(int64_t wanted_bytes, int64_t alignment);
  ~PageRange();
  PageRange(const PageRange&) = delete;
  PageRange& operator=(const PageRange&) = delete;

  uint8_t* data() const { return data_; }
  int64_t size_bytes() const { return size_bytes_; }

  /// Makes [offset, offset + bytes) readable and writable; false if the system refuses.
  bool MakeUsable(int64_t offset, int64_t bytes);
  /// Asks for huge pages, or for small ones, at the next touch.
  void SetHuge(int64_t offset, int64_t bytes, bool huge);
  /// The contents are gone, the range stays usable.
  void GiveBack(int64_t offset, int64_t bytes);

 private:
  uint8_t* data_ = nullptr;
  int64_t size_bytes_ = 0;
  uint8_t* mapping_ = nullptr;
  int64_t mapping_bytes_ = 0;
};

/// Whether the system would back an advised range by huge pages.
bool HugePagesAvailable();

}  // namespace millstream
