#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "env/posix_error.h"
#include "env/posix_file.h"

namespace millstream {
namespace {

class PosixScratch : public ScratchFile {
 public:
  PosixScratch(Descriptor descriptor, std::string directory, bool direct)
      : descriptor_(std::move(descriptor)), directory_(std::move(directory)), direct_(direct) {}

  Status WriteAt(int64_t offset, const uint8_t* data, int64_t bytes) override;
  Status ReadAt(int64_t offset, uint8_t* out, int64_t bytes) override;
  void Discard(int64_t offset, int64_t bytes) override {
    [[maybe_unused]] const int ignored = fallocate(descriptor_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
  }
  bool direct() const override { return direct_; }

 private:
  template <typename Call>
  Transfer Retried(Call call);

  Descriptor descriptor_;
  const std::string directory_;
  std::atomic<bool> direct_;
};

bool SetDirect(int fd, bool direct) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/// Some file systems grant O_DIRECT and refuse the transfer; after a short direct write the rest may be unaligned.
template <typename Call>
Transfer PosixScratch::Retried(Call call) {
  const bool was_direct = direct_;
  const Transfer done = call();
  if (done.error != EINVAL || !was_direct) return done;
  SetDirect(descriptor_.get(), false);
  direct_ = false;
  return call();
}

Status PosixScratch::WriteAt(int64_t offset, const uint8_t* data, int64_t bytes) {
  const Transfer written = Retried([&] { return WriteFully(descriptor_.get(), offset, data, bytes); });
  return written.error == 0 ? Status::OK() : PosixError(written.error, "write a scratch file in", directory_);
}

Status PosixScratch::ReadAt(int64_t offset, uint8_t* out, int64_t bytes) {
  const Transfer read = Retried([&] { return ReadFully(descriptor_.get(), offset, out, bytes); });
  if (read.error != 0) return PosixError(read.error, "read a scratch file in", directory_);
  if (read.bytes == bytes) return Status::OK();
  return MakeError(ErrorKind::kCorruptData, "A scratch file in '" + directory_ + "' ends at " + std::to_string(offset + read.bytes) +
                                                ", where " + std::to_string(bytes) + " bytes were written at " + std::to_string(offset));
}

/// A file with a name for a moment, for file systems that know no nameless ones.
Result<Descriptor> CreateUnlinked(const std::string& directory) {
  std::string name = directory + "/.millstream-scratch-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return PosixError(errno, "create a scratch file in", directory);
  unlink(name.c_str());
  return Descriptor(fd);
}

Result<Descriptor> CreateNameless(const std::string& directory) {
  int fd = -1;
  do {
    fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return Descriptor(fd);
  if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) return CreateUnlinked(directory);
  return PosixError(errno, "create a scratch file in", directory);
}

}  // namespace

Result<std::unique_ptr<ScratchFile>> CreatePosixScratch(const std::string& directory, bool direct) {
  ARROW_ASSIGN_OR_RAISE(auto descriptor, CreateNameless(directory));
  // Set afterwards: an open for creation with O_DIRECT leaves a file behind where the file system refuses the flag.
  const bool granted = direct && SetDirect(descriptor.get(), true);
  return std::make_unique<PosixScratch>(std::move(descriptor), directory, granted);
}

}  // namespace millstream
