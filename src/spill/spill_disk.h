#pragma once
/// What the scopes of a spill area share: the directory, its quota, the counters; and one file with what is known of it.

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/fork.h"
#include "spill/spill_area.h"

namespace millstream {

/// Accounts for the bytes on disk of all files. Thread-safe, without locks.
class SpillDisk {
 public:
  /// Checks the directory as SpillArea::Open promises.
  static Result<std::shared_ptr<SpillDisk>> Open(SpillOptions options, std::shared_ptr<Env> env);

  Result<std::unique_ptr<ScratchFile>> NewFile();
  /// kDiskFull with directory, what was needed, what is left and the remedy, if the quota has no room.
  Status Reserve(int64_t bytes);
  void Release(int64_t bytes) { on_disk_ -= bytes; }
  /// Adds directory and remedy to an error of a transfer.
  Status Explain(const Status& error, int64_t bytes) const;
  Status Damaged(const std::string& what, const FrameLocation& frame) const;

  const SpillOptions& options() const { return options_; }
  int64_t on_disk() const { return on_disk_; }
  std::atomic<int64_t> written{0};
  std::atomic<int64_t> read{0};
  std::atomic<int64_t> transfer_nanoseconds{0};
  /// Adds the time that `transfer` takes.
  template <typename Transfer>
  Status Timed(Transfer&& transfer) {
    const auto began = std::chrono::steady_clock::now();
    const Status status = transfer();
    transfer_nanoseconds += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
    return status;
  }

 private:
  SpillDisk(SpillOptions options, std::shared_ptr<Env> env) : options_(std::move(options)), env_(std::move(env)) {}
  Status Full(int64_t bytes, int64_t free_bytes) const;

  SpillOptions options_;
  const std::shared_ptr<Env> env_;
  std::atomic<int64_t> on_disk_{0};
};

/// A scratch file whose space is counted until it is discarded or the file closes.
class SpillFile {
 public:
  SpillFile(std::unique_ptr<ScratchFile> file, std::shared_ptr<SpillDisk> disk) : file_(std::move(file)), disk_(std::move(disk)) {}
  ~SpillFile() { disk_->Release(live_bytes_); }

  ScratchFile& file() { return *file_; }
  SpillDisk& disk() { return *disk_; }
  /// Takes quota for a frame; gives it back.
  Status Grow(int64_t bytes);
  void Shrink(int64_t bytes);
  int64_t live_bytes() const { return live_bytes_; }

  /// Frames before this offset are on disk.
  std::atomic<int64_t> flushed_bytes{0};

 private:
  const std::unique_ptr<ScratchFile> file_;
  const std::shared_ptr<SpillDisk> disk_;
  std::atomic<int64_t> live_bytes_{0};
};

/// The open files of one scope. In a forked child it does nothing, for its lock may be held for ever.
class SpillFiles {
 public:
  uint32_t Add(std::shared_ptr<SpillFile> file);
  /// Null if it was closed.
  std::shared_ptr<SpillFile> Find(uint32_t number);
  /// Its writer is gone.
  void EndWriting(uint32_t number);
  /// Closes the file if nobody writes it and all its frames are discarded.
  void CloseIfEmpty(uint32_t number);
  bool inherited() const { return fork_.inherited(); }

 private:
  struct Entry {
    std::shared_ptr<SpillFile> file;
    bool writing = true;
  };
  void CloseIfEmptyLocked(uint32_t number, std::shared_ptr<SpillFile>* closed);

  ForkGuard fork_;
  std::mutex mutex_;
  uint32_t next_ = 0;
  std::unordered_map<uint32_t, Entry> files_;
};

}  // namespace millstream
