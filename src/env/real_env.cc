#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <system_error>

#include "env/env.h"
#include "env/posix_error.h"
#include "env/posix_file.h"

namespace millstream {
namespace {

// From linux/magic.h, which not every build machine has.
constexpr int64_t kTmpfsMagic = 0x01021994;
constexpr int64_t kRamfsMagic = 0x858458f6;
constexpr int64_t kHugetlbfsMagic = 0x958458f6;

FileEntry EntryOf(std::string path, const struct stat& info) {
  const bool is_directory = S_ISDIR(info.st_mode);
  return {std::move(path), is_directory ? 0 : static_cast<int64_t>(info.st_size), is_directory};
}

class Posix : public Env {
 public:
  using Env::OpenForRead;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenForRead(const std::string& path, arrow::MemoryPool* pool) override {
    return OpenPosixForRead(path, pool);
  }
  Result<std::shared_ptr<arrow::io::OutputStream>> CreateForWrite(const std::string& path) override { return CreatePosixForWrite(path); }
  Result<std::unique_ptr<ScratchFile>> CreateScratch(const std::string& directory, bool direct) override {
    return CreatePosixScratch(directory, direct);
  }
  Result<FileEntry> Stat(const std::string& path) override;
  Result<std::vector<FileEntry>> List(const std::string& directory) override;
  Status CreateDirectories(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status RemoveTree(const std::string& path) override;
  Status Sync(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) override;
  Result<Space> SpaceOf(const std::string& directory) override;
  Status BeforeThreadStart() override { return Status::OK(); }
  std::chrono::steady_clock::time_point Now() override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point WallClock() override { return std::chrono::system_clock::now(); }
  uint64_t RandomSeed() override;
};

/// flock(2) belongs to the open file, so that two holders in one process shut each other out as well.
class PosixLock : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

Result<FileEntry> Posix::Stat(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return PosixError(errno, "find", path);
  return EntryOf(path, info);
}

Result<std::vector<FileEntry>> Posix::List(const std::string& directory) {
  DIR* const opened = opendir(directory.c_str());
  if (opened == nullptr) return PosixError(errno, "list directory", directory);
  const std::unique_ptr<DIR, int (*)(DIR*)> closes(opened, closedir);
  const std::string prefix = directory.empty() || directory.back() == '/' ? directory : directory + "/";
  std::vector<FileEntry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(opened);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    struct stat info;
    if (name == "." || name == ".." || fstatat(dirfd(opened), entry->d_name, &info, 0) != 0) continue;
    entries.push_back(EntryOf(prefix + name, info));
  }
  if (errno != 0) return PosixError(errno, "list directory", directory);
  std::sort(entries.begin(), entries.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  return entries;
}

Status Posix::CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? PosixError(error.value(), "create directory", path) : Status::OK();
}

Status Posix::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return Status::OK();
  return PosixError(errno, "rename to '" + to + "' the file", from);
}

Status Posix::Remove(const std::string& path) { return remove(path.c_str()) == 0 ? Status::OK() : PosixError(errno, "remove", path); }

Status Posix::RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? PosixError(error.value(), "remove", path) : Status::OK();
}

Status Posix::Sync(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const auto descriptor, OpenPosix(path, O_RDONLY, 0, "open"));
  return fsync(descriptor.get()) == 0 ? Status::OK() : PosixError(errno, "sync", path);
}

Result<std::unique_ptr<FileLock>> Posix::TryLock(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto descriptor, OpenPosix(path, O_RDWR | O_CREAT, 0666, "open lock file"));
  if (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return nullptr;
    return PosixError(errno, "lock file", path);
  }
  struct stat info;
  if (fstat(descriptor.get(), &info) != 0) return PosixError(errno, "lock file", path);
  // Whoever held it before may have removed it between the opening and the lock.
  if (info.st_nlink == 0) return nullptr;
  return std::make_unique<PosixLock>(std::move(descriptor));
}

Result<Env::Space> Posix::SpaceOf(const std::string& directory) {
  struct statfs info;
  if (statfs(directory.c_str(), &info) != 0) return PosixError(errno, "find the free space of", directory);
  const auto type = static_cast<int64_t>(static_cast<uint32_t>(info.f_type));
  return Space{static_cast<int64_t>(info.f_bavail) * info.f_frsize, type == kTmpfsMagic || type == kRamfsMagic || type == kHugetlbfsMagic};
}

uint64_t Posix::RandomSeed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace

const std::shared_ptr<Env>& RealEnv() {
  static const std::shared_ptr<Env> env = std::make_shared<Posix>();
  return env;
}

}  // namespace millstream
