#include "memory/page_range.h"

#include <sys/mman.h>

#include <fstream>
#include <string>

namespace millstream {

PageRange::PageRange(int64_t wanted_bytes, int64_t alignment) {
  // A limit on the address space (ulimit -v) may forbid the full reservation; a smaller one still works.
  for (int64_t bytes = wanted_bytes; bytes >= alignment; bytes /= 2) {
    const int64_t mapped = bytes + alignment;
    void* mapping = mmap(nullptr, static_cast<size_t>(mapped), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) continue;
    mapping_ = static_cast<uint8_t*>(mapping);
    mapping_bytes_ = mapped;
    const auto address = reinterpret_cast<uintptr_t>(mapping);
    const auto mask = static_cast<uintptr_t>(alignment - 1);
    data_ = mapping_ + (((address + mask) & ~mask) - address);
    size_bytes_ = bytes / alignment * alignment;
    return;
  }
}

PageRange::~PageRange() {
  if (mapping_ != nullptr) munmap(mapping_, static_cast<size_t>(mapping_bytes_));
}

bool PageRange::MakeUsable(int64_t offset, int64_t bytes) {
  return mprotect(data_ + offset, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE) == 0;
}

void PageRange::SetHuge(int64_t offset, int64_t bytes, bool huge) {
  madvise(data_ + offset, static_cast<size_t>(bytes), huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void PageRange::GiveBack(int64_t offset, int64_t bytes) { madvise(data_ + offset, static_cast<size_t>(bytes), MADV_DONTNEED); }

bool HugePagesAvailable() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  return std::getline(file, line) && line.find("[never]") == std::string::npos;
}

}  // namespace millstream
