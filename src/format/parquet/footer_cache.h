#pragma once
/// Footers of the files that were read last, so that the row groups of one file do not each parse its footer anew.

#include <parquet/metadata.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace millstream {

/// Thread-safe. Holds footers of at most `bytes_max` stored bytes in all (parsed they are several times as large), the least recently used ones going first;
/// one footer larger than that is held alone.
class FooterCache {
 public:
  explicit FooterCache(int64_t bytes_max = 2 << 20) : bytes_max_(bytes_max) {}

  /// Null if it is not held.
  std::shared_ptr<parquet::FileMetaData> Get(uint32_t file);
  void Put(uint32_t file, std::shared_ptr<parquet::FileMetaData> metadata);

 private:
  using Entry = std::pair<uint32_t, std::shared_ptr<parquet::FileMetaData>>;
  const int64_t bytes_max_;
  std::mutex mutex_;
  // Guarded by mutex_:
  int64_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<uint32_t, std::list<Entry>::iterator> by_file_;
};

}  // namespace millstream
