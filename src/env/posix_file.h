#pragma once
/// Files over POSIX descriptors: what RealEnv hands out.

#include <arrow/io/interfaces.h>
#include <arrow/util/future.h>

#include <memory>
#include <string>

#include "env/env.h"

namespace millstream {

/// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Detach()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int Detach();

 private:
  int fd_ = -1;
};

/// open(2), taken up again when interrupted; the descriptor is closed on exec.
Result<Descriptor> OpenPosix(const std::string& path, int flags, int mode, std::string_view what);

Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenPosixForRead(const std::string& path, arrow::MemoryPool* pool);
Result<std::shared_ptr<arrow::io::OutputStream>> CreatePosixForWrite(const std::string& path);
Result<std::unique_ptr<ScratchFile>> CreatePosixScratch(const std::string& directory, bool direct);

/// How far a transfer came, and the errno that ended it: 0 when all was done or the file ended.
struct Transfer {
  int64_t bytes = 0;
  int error = 0;
};
/// Reads up to `bytes` at `offset`; fewer without an error only at the end of the file.
Transfer ReadFully(int fd, int64_t offset, uint8_t* out, int64_t bytes);
Transfer WriteFully(int fd, int64_t offset, const uint8_t* data, int64_t bytes);

}  // namespace millstream
