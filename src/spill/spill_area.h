#pragma once
/// The only code that spills: runs of checksummed frames in unlinked scratch files.
///
/// A run is what one task attempt wrote for one partition, addressed (stage, task, attempt, partition), because runs will cross processes and nodes
/// later. A frame is one append: opaque payload bytes, with a header (magic, version, address, payload length, stored length, place,
/// codec, xxh3-64 checksum of the stored bytes; docs/spill_format.md has the byte layout). Frames are padded to 4096 bytes for direct I/O.
/// Disk full, short writes, a flipped bit, a frame at the wrong address are a Status that names the directory and the remedy.
///
/// One file a writer: RunWriter belongs to one lane (not thread-safe); frames of all partitions go to its file in order of writing. Append
/// says where its frame is; who spills keeps that index. After Flush any thread may read. A file is closed, and its disk space free, when
/// its writer is gone and every frame discarded, and at the latest with its area.
///
///   ARROW_ASSIGN_OR_RAISE(auto area, SpillArea::Open({.directory = "/data/spill"}, env));
///   ARROW_ASSIGN_OR_RAISE(auto scope, area->NewScope());      // of one exchange: what it leaves behind goes with it
///   ARROW_ASSIGN_OR_RAISE(auto writer, scope->NewWriter(pool, 1 << 20));
///   ARROW_ASSIGN_OR_RAISE(auto frame, writer->Append({.partition = 3}, {{data, bytes}}));
///   ARROW_RETURN_NOT_OK(writer->Flush());
///   ARROW_ASSIGN_OR_RAISE(auto payload, scope->ReadFrame(frame, pool.get()));
///   scope->Discard(frame);

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "memory/budget_pool.h"

namespace millstream {

struct RunAddress {
  uint32_t stage = 0;
  uint32_t task = 0;
  uint32_t attempt = 0;
  uint32_t partition = 0;
  bool operator==(const RunAddress&) const = default;
};

enum class SpillCodec : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

struct SpillOptions {
  std::string directory;          // must exist or be creatable; on tmpfs: refused, for that is memory
  int64_t quota_bytes = 0;        // 0: what the disk has free when the area is opened, less a reserve of 5 %
  bool direct_io = true;          // falls back to buffered where the file system refuses
  SpillCodec codec = SpillCodec::kNone;
};

struct FrameLocation {
  uint32_t file;
  int64_t offset;          // of the header, multiple of 4096
  int64_t payload_bytes;
  int64_t stored_bytes;    // with header and padding: what it costs on disk
  RunAddress address;
};

class RunWriter;

/// Thread-safe.
class SpillArea {
 public:
  /// Makes the directory if need be, and a scratch file to see that it can. Errors: kInvalidArgument for a directory in memory, kPermission,
  /// kDiskFull, each naming directory and remedy.
  static Result<std::shared_ptr<SpillArea>> Open(SpillOptions options, std::shared_ptr<Env> env);
  virtual ~SpillArea() = default;

  /// An area with files of its own that shares directory, quota and counters with this one.
  virtual Result<std::shared_ptr<SpillArea>> NewScope() = 0;

  /// A writer with a staging buffer of `staging_bytes` (charged to pool's ledger), multiple of 4096, at least 64 KiB.
  virtual Result<std::unique_ptr<RunWriter>> NewWriter(std::shared_ptr<BudgetPool> pool, int64_t staging_bytes) = 0;
  /// What such a writer charges in all, for floors.
  virtual int64_t WriterBytes(int64_t staging_bytes) const = 0;

  /// Reads one frame's payload into a buffer from `pool` (which need not outlive it), aligned to 64 bytes; verifies address and checksum.
  /// Without a codec the disk writes straight into it, and it costs stored_bytes; with one, payload_bytes, and stored_bytes beside it meanwhile.
  virtual Result<std::shared_ptr<arrow::Buffer>> ReadFrame(const FrameLocation& frame, BudgetPool* pool) = 0;
  /// The frame is not needed again: its disk space is given back. Once a frame.
  virtual void Discard(const FrameLocation& frame) = 0;

  virtual int64_t bytes_written() const = 0;   // stored bytes, with headers and padding
  virtual int64_t bytes_read() const = 0;
  virtual int64_t bytes_on_disk() const = 0;
  virtual int64_t bytes_left() const = 0;      // of the quota
  /// Of a thread that transfers, on the average so far; 0 before anything was.
  virtual double nanoseconds_per_byte() const = 0;
  virtual const std::string& directory() const = 0;
};

/// Keeps its area's files alive. Frames not flushed when it is destroyed are lost.
class RunWriter {
 public:
  virtual ~RunWriter() = default;
  /// Appends one frame whose payload is the concatenation of `pieces`; they are copied into the staging buffer as they are written, and
  /// whenever that is full it goes to disk, so a frame may be larger than it. After an error the frame does not exist, and earlier
  /// frames that were staged still are: Append or Flush may be tried again.
  struct Piece { const uint8_t* data; int64_t bytes; };
  virtual Result<FrameLocation> Append(const RunAddress& address, const std::vector<Piece>& pieces) = 0;
  /// Writes what is staged; every frame returned so far is readable after it.
  virtual Status Flush() = 0;
};

}  // namespace millstream
