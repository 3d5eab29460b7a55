#pragma once
/// The one seam to disk, clock and machine randomness. Production uses RealEnv(); testing/fault_env.h has a twin that fails the i-th call.
/// Errors carry an ErrorKind and name the path and the system's reason. No method is called with a lock held. Interrupted calls are taken up
/// again; short reads and writes are completed.

#include <arrow/filesystem/type_fwd.h>
#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace millstream {

struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// What parts of files may be held in before they are read.
struct ReadAheadMemory {
  std::shared_ptr<arrow::MemoryPool> pool;  // null: there is none
  int64_t bytes = 0;
};

struct FileEntry {
  std::string path;   // as given, joined with '/'
  int64_t size_bytes;
  bool is_directory;
};

/// A scratch file: read and written at offsets, unlinked from the moment it exists, mode 0600, gone with the object or the process.
/// With direct I/O, offsets, lengths and addresses must be multiples of kAlignmentBytes. Any number of threads may read, and write disjoint
/// ranges, at once.
class ScratchFile {
 public:
  virtual ~ScratchFile() = default;
  virtual Status WriteAt(int64_t offset, const uint8_t* data, int64_t bytes) = 0;
  /// Reads exactly `bytes`; a short read is kCorruptData.
  virtual Status ReadAt(int64_t offset, uint8_t* out, int64_t bytes) = 0;
  /// Gives the disk blocks of a range back (hole punching); best effort.
  virtual void Discard(int64_t offset, int64_t bytes) = 0;
  virtual bool direct() const = 0;
  static constexpr int64_t kAlignmentBytes = 4096;
};

/// Ends with the object, or with the process however that ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Env {
 public:
  virtual ~Env() = default;

  /// Positional reads from any thread, no memory mapping, no read-ahead of its own; the Async methods read at once on the calling thread.
  /// Buffers come from `pool`, which must outlive them; no more is allocated than the file has bytes.
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenForRead(const std::string& path, arrow::MemoryPool* pool) = 0;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenForRead(const std::string& path) {
    return OpenForRead(path, arrow::default_memory_pool());
  }
  /// These bytes of a file will be read soon, in this order: who has memory for it (UseReadAhead) may fetch them.
  virtual void WillRead(const std::string& path, const std::vector<ByteRange>& ranges) {}
  /// Where WillRead finds its memory, asked for once it is needed.
  virtual void UseReadAhead(std::function<ReadAheadMemory()> memory) {}
  /// Ends threads of this object's own, for good.
  virtual void StopThreads() {}
  /// Paths that begin with `prefix` are of this store from now on, where they begin with `inside` instead. kInvalidArgument where no stores are known.
  virtual Status AddStore(std::string prefix, std::string inside, std::shared_ptr<arrow::fs::FileSystem> store) {
    return MakeError(ErrorKind::kInvalidArgument, "this engine reads files of this machine alone");
  }
  /// A new file for writing, unbuffered; fails if it exists. One thread at a time.
  virtual Result<std::shared_ptr<arrow::io::OutputStream>> CreateForWrite(const std::string& path) = 0;
  /// `direct` is a wish: where the file system refuses it, now or at the first transfer, the file is buffered and says so by direct().
  virtual Result<std::unique_ptr<ScratchFile>> CreateScratch(const std::string& directory, bool direct) = 0;
  virtual Result<FileEntry> Stat(const std::string& path) = 0;
  /// Entries of a directory, sorted by name (bytewise), not recursive; links are followed, those that lead nowhere left out.
  virtual Result<std::vector<FileEntry>> List(const std::string& directory) = 0;
  /// All files below the directory, in any order, where that takes less than listing each directory; else nothing.
  virtual Result<std::optional<std::vector<FileEntry>>> ListTree(const std::string& directory) { return std::optional<std::vector<FileEntry>>(); }
  virtual Status CreateDirectories(const std::string& path) = 0;
  /// Atomic replace within one file system.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  /// A file or an empty directory.
  virtual Status Remove(const std::string& path) = 0;
  /// OK when there is nothing.
  virtual Status RemoveTree(const std::string& path) = 0;
  /// Makes a file's contents, or a directory's entries, last over a power cut.
  virtual Status Sync(const std::string& path) = 0;
  /// Locks a file, made where it is missing, against every other holder, in this process or another; null where somebody else holds it or
  /// has just removed it. Does not wait.
  virtual Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) = 0;
  /// Bytes free for this user, and whether the file system lives in memory (tmpfs).
  struct Space { int64_t free_bytes; bool in_memory; };
  virtual Result<Space> SpaceOf(const std::string& directory) = 0;
  /// Starts a thread; the seam where tests let thread starts fail.
  virtual Status BeforeThreadStart() = 0;
  virtual std::chrono::steady_clock::time_point Now() = 0;
  /// The time of day, which may jump: only for names that should sort by age.
  virtual std::chrono::system_clock::time_point WallClock() = 0;
  virtual uint64_t RandomSeed() = 0;
};

const std::shared_ptr<Env>& RealEnv();

}  // namespace millstream
