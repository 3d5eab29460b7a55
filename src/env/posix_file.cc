#include "env/posix_file.h"

#include <arrow/buffer.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "env/posix_error.h"

namespace millstream {
namespace {

/// The system transfers at most 2 GiB less a page in one call.
constexpr int64_t kTransferBytesMax = 1 << 30;

/// Calls `call` until it is not interrupted.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Status Closed(const std::string& path) { return MakeError(ErrorKind::kInvalidArgument, "The file is closed: '" + path + "'"); }

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) close(fd_);
  fd_ = other.Detach();
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

int Descriptor::Detach() { return std::exchange(fd_, -1); }

Result<Descriptor> OpenPosix(const std::string& path, int flags, int mode, std::string_view what) {
  const int fd = Uninterrupted([&] { return open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return PosixError(errno, what, path);
  return Descriptor(fd);
}

Transfer ReadFully(int fd, int64_t offset, uint8_t* out, int64_t bytes) {
  Transfer done;
  while (done.bytes < bytes) {
    const auto part = static_cast<size_t>(std::min(bytes - done.bytes, kTransferBytesMax));
    const ssize_t read = Uninterrupted([&] { return pread(fd, out + done.bytes, part, offset + done.bytes); });
    if (read < 0) done.error = errno;
    if (read <= 0) break;
    done.bytes += read;
  }
  return done;
}

Transfer WriteFully(int fd, int64_t offset, const uint8_t* data, int64_t bytes) {
  Transfer done;
  while (done.bytes < bytes) {
    const auto part = static_cast<size_t>(std::min(bytes - done.bytes, kTransferBytesMax));
    const ssize_t written = Uninterrupted([&] { return pwrite(fd, data + done.bytes, part, offset + done.bytes); });
    if (written <= 0) {
      done.error = written < 0 ? errno : EIO;
      break;
    }
    done.bytes += written;
  }
  return done;
}

namespace {

class PosixReadFile : public arrow::io::RandomAccessFile {
 public:
  PosixReadFile(Descriptor descriptor, std::string path, int64_t size, arrow::MemoryPool* pool)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), size_(size), pool_(pool) {}

  Status Close() override {
    descriptor_ = Descriptor();
    return Status::OK();
  }
  arrow::Future<> CloseAsync() override { return arrow::Future<>::MakeFinished(Close()); }
  bool closed() const override { return !descriptor_.open(); }
  Result<int64_t> GetSize() override {
    if (closed()) return Closed(path_);
    return size_;
  }
  Result<int64_t> Tell() const override {
    if (closed()) return Closed(path_);
    return position_;
  }
  Status Seek(int64_t position) override;
  Result<int64_t> Read(int64_t bytes, void* out) override;
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override;
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, bool allow_short_read, void* out) override;
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override { return ReadAt(position, bytes, true, out); }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes, bool allow_short_read) override;
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override { return ReadAt(position, bytes, true); }
  // Arrow's own would go through its global pool of threads.
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext&, int64_t position, int64_t bytes,
                                                          bool allow_short_read) override {
    return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(ReadAt(position, bytes, allow_short_read));
  }
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext& context, int64_t position, int64_t bytes) override {
    return ReadAsync(context, position, bytes, true);
  }

 private:
  Status Check(int64_t position, int64_t bytes) const;
  /// What a read may yield: a length from a hostile file must not decide what is allocated.
  int64_t Within(int64_t position, int64_t bytes) const { return std::clamp<int64_t>(size_ - position, 0, bytes); }
  Status CheckLength(int64_t position, int64_t wanted, int64_t read) const;

  Descriptor descriptor_;
  const std::string path_;
  const int64_t size_;
  arrow::MemoryPool* const pool_;
  int64_t position_ = 0;
};

Status PosixReadFile::Check(int64_t position, int64_t bytes) const {
  if (closed()) return Closed(path_);
  if (position >= 0 && bytes >= 0) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, "Negative position or length in a read of file '" + path_ + "'");
}

Status PosixReadFile::CheckLength(int64_t position, int64_t wanted, int64_t read) const {
  if (read == wanted) return Status::OK();
  return MakeError(ErrorKind::kCorruptData, "File '" + path_ + "' ends after " + std::to_string(position + read) + " bytes, where " +
                                                std::to_string(wanted) + " bytes were expected at " + std::to_string(position));
}

Status PosixReadFile::Seek(int64_t position) {
  ARROW_RETURN_NOT_OK(Check(position, 0));
  position_ = position;
  return Status::OK();
}

Result<int64_t> PosixReadFile::ReadAt(int64_t position, int64_t bytes, bool allow_short_read, void* out) {
  ARROW_RETURN_NOT_OK(Check(position, bytes));
  const Transfer read = ReadFully(descriptor_.get(), position, static_cast<uint8_t*>(out), Within(position, bytes));
  if (read.error != 0) return PosixError(read.error, "read file", path_);
  if (!allow_short_read) ARROW_RETURN_NOT_OK(CheckLength(position, bytes, read.bytes));
  return read.bytes;
}

Result<std::shared_ptr<arrow::Buffer>> PosixReadFile::ReadAt(int64_t position, int64_t bytes, bool allow_short_read) {
  ARROW_RETURN_NOT_OK(Check(position, bytes));
  const int64_t within = Within(position, bytes);
  if (!allow_short_read) ARROW_RETURN_NOT_OK(CheckLength(position, bytes, within));
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(within, pool_));
  ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, within, allow_short_read, buffer->mutable_data()));
  if (read < within) ARROW_RETURN_NOT_OK(buffer->Resize(read));
  buffer->ZeroPadding();
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

Result<int64_t> PosixReadFile::Read(int64_t bytes, void* out) {
  ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position_, bytes, true, out));
  position_ += read;
  return read;
}

Result<std::shared_ptr<arrow::Buffer>> PosixReadFile::Read(int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, bytes, true));
  position_ += buffer->size();
  return buffer;
}

class PosixWriteFile : public arrow::io::OutputStream {
 public:
  PosixWriteFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {
    set_mode(arrow::io::FileMode::WRITE);
  }

  Status Close() override {
    if (closed()) return Status::OK();
    // Some file systems report a failed write only here.
    if (close(descriptor_.Detach()) != 0 && errno != EINTR) return PosixError(errno, "write file", path_);
    return Status::OK();
  }
  arrow::Future<> CloseAsync() override { return arrow::Future<>::MakeFinished(Close()); }
  Status Abort() override {
    descriptor_ = Descriptor();
    return Status::OK();
  }
  bool closed() const override { return !descriptor_.open(); }
  Result<int64_t> Tell() const override {
    if (closed()) return Closed(path_);
    return position_;
  }
  using arrow::io::Writable::Write;
  Status Write(const void* data, int64_t bytes) override {
    if (closed()) return Closed(path_);
    const Transfer written = WriteFully(descriptor_.get(), position_, static_cast<const uint8_t*>(data), bytes);
    position_ += written.bytes;
    return written.error == 0 ? Status::OK() : PosixError(written.error, "write file", path_);
  }

 private:
  Descriptor descriptor_;
  const std::string path_;
  int64_t position_ = 0;
};

}  // namespace

Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenPosixForRead(const std::string& path, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto descriptor, OpenPosix(path, O_RDONLY, 0, "open file"));
  struct stat info;
  if (fstat(descriptor.get(), &info) != 0) return PosixError(errno, "open file", path);
  if (S_ISDIR(info.st_mode)) return PosixError(EISDIR, "open file", path);
  return std::make_shared<PosixReadFile>(std::move(descriptor), path, info.st_size, pool);
}

Result<std::shared_ptr<arrow::io::OutputStream>> CreatePosixForWrite(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto descriptor, OpenPosix(path, O_WRONLY | O_CREAT | O_EXCL, 0666, "create file"));
  return std::make_shared<PosixWriteFile>(std::move(descriptor), path);
}

}  // namespace millstream
