#include "format/parquet/footer_cache.h"

namespace millstream {

std::shared_ptr<parquet::FileMetaData> FooterCache::Get(uint32_t file) {
  std::lock_guard lock(mutex_);
  const auto found = by_file_.find(file);
  if (found == by_file_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void FooterCache::Put(uint32_t file, std::shared_ptr<parquet::FileMetaData> metadata) {
  std::lock_guard lock(mutex_);
  if (by_file_.count(file) > 0) return;
  bytes_ += metadata->size();
  entries_.emplace_front(file, std::move(metadata));
  by_file_[file] = entries_.begin();
  while (bytes_ > bytes_max_ && entries_.size() > 1) {
    bytes_ -= entries_.back().second->size();
    by_file_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

}  // namespace millstream
