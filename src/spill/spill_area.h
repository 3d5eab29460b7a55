#pragma once
/// The only code that spills: runs of checksummed frames in unlinked scratch files.
///
/// A run is what one task attempt wrote for one partition, addressed (stage, task, attempt, partition), because runs will cross processes and nodes
/// later. A frame is one append: opaque payload bytes, with a header (magic, version, address, payload length, stored length,
/// codec, xxh3-64 checksum of the stored bytes; docs/spill_format.md has the byte layout). Frames are padded to 4096 bytes for direct I/O.
/// Disk full, short writes, a flipped bit, a frame at the wrong address are a Status that names the directory and the remedy.
///
/// One file a lane: RunWriter belongs to one lane (not thread-safe); frames of all partitions go to its file in order of writing, and the in-memory index
/// (partition -> frames) is merged into the area by Finish. Readers may then read from any thread.

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
  int64_t quota_bytes = 0;        // 0: what the disk has free, less a reserve of 5 %
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

class SpillArea {
 public:
  static Result<std::shared_ptr<SpillArea>> Open(SpillOptions options, std::shared_ptr<Env> env);
  virtual ~SpillArea() = default;

  /// A writer with a staging buffer of `staging_bytes` (charged to pool's ledger), multiple of 4096, at least 64 KiB.
  virtual Result<std::unique_ptr<RunWriter>> NewWriter(std::shared_ptr<BudgetPool> pool, int64_t staging_bytes) = 0;

  /// Reads one frame's payload into a buffer from `pool`; verifies address and checksum.
  virtual Result<std::shared_ptr<arrow::Buffer>> ReadFrame(const FrameLocation& frame, BudgetPool* pool) = 0;
  /// The frame is not needed again: its disk space is given back.
  virtual void Discard(const FrameLocation& frame) = 0;

  virtual int64_t bytes_written() const = 0;   // stored bytes, with headers and padding
  virtual int64_t bytes_read() const = 0;
  virtual int64_t bytes_on_disk() const = 0;
  virtual const std::string& directory() const = 0;
};

class RunWriter {
 public:
  virtual ~RunWriter() = default;
  /// Appends one frame whose payload is the concatenation of `pieces`; they are copied into the staging buffer as they are written.
  struct Piece { const uint8_t* data; int64_t bytes; };
  virtual Result<FrameLocation> Append(const RunAddress& address, const std::vector<Piece>& pieces) = 0;
  /// Writes what is staged; every frame returned so far is readable after it.
  virtual Status Flush() = 0;
};

}  // namespace millstream
