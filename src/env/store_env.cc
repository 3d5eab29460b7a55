#include "env/store_env.h"

#include <arrow/filesystem/filesystem.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "env/s3_library.h"

namespace millstream {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr int64_t kUnsentBytesMax = 32 << 20;
constexpr auto kLockAge = std::chrono::hours(24 * 7);

/// Within the store: "bucket/key".
std::string KeyOf(const std::string& path) { return path.substr(kScheme.size()); }

bool Has(const Status& status, std::string_view text) { return status.message().find(text) != std::string::npos; }

Status StoreError(const Status& status, const char* what, const std::string& path) {
  const std::string message = std::string("Cannot ") + what + " '" + path + "': " + status.message();
  if (Has(status, "ACCESS_DENIED") || Has(status, "HTTP status 403") || Has(status, "INVALID_ACCESS_KEY_ID") || Has(status, "SIGNATURE_DOES_NOT_MATCH")) {
    return MakeError(ErrorKind::kPermission, message + "; check the credentials (AWS_ACCESS_KEY_ID and the like) and what they may do");
  }
  if (Has(status, "NO_SUCH_BUCKET") || Has(status, "NO_SUCH_KEY") || Has(status, "RESOURCE_NOT_FOUND") || Has(status, "HTTP status 404") || Has(status, "Path does not exist")) {
    return MakeError(ErrorKind::kFileNotFound, message);
  }
  return MakeError(ErrorKind::kIo, message + "; check the network, AWS_REGION and AWS_ENDPOINT_URL");
}

/// An object, read at positions into memory of the pool.
class StoreFile : public arrow::io::RandomAccessFile {
 public:
  StoreFile(std::shared_ptr<arrow::io::RandomAccessFile> object, std::string path, arrow::MemoryPool* pool) : object_(std::move(object)), path_(std::move(path)), pool_(pool) {}

  Status Close() override { return object_->Close(); }
  bool closed() const override { return object_->closed(); }
  Result<int64_t> GetSize() override { return object_->GetSize(); }
  Result<int64_t> Tell() const override { return position_; }
  Status Seek(int64_t position) override {
    if (position < 0) return MakeError(ErrorKind::kInvalidArgument, "Cannot seek to byte " + std::to_string(position) + " of '" + path_ + "'");
    position_ = position;
    return Status::OK();
  }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position_, bytes, out));
    position_ += read;
    return read;
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, bytes));
    position_ += buffer->size();
    return buffer;
  }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, object_->GetSize());
    const int64_t there = std::clamp<int64_t>(size - position, 0, bytes);
    if (there == 0) return 0;
    auto read = object_->ReadAt(position, there, out);
    if (!read.ok()) return StoreError(read.status(), "read", path_);
    return read;
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, object_->GetSize());
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(std::clamp<int64_t>(size - position, 0, bytes), pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, buffer->size(), buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  // Arrow's own would go through its global pool of threads.
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext&, int64_t position, int64_t bytes) override {
    return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(ReadAt(position, bytes));
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> object_;
  const std::string path_;
  arrow::MemoryPool* const pool_;
  int64_t position_ = 0;
};

/// An object that is being written: it is there once it is closed.
class StoreOutput : public arrow::io::OutputStream {
 public:
  StoreOutput(std::shared_ptr<arrow::io::OutputStream> object, std::string path) : object_(std::move(object)), path_(std::move(path)) {}
  ~StoreOutput() override {
    if (!object_->closed()) (void)object_->Abort();
  }

  Status Close() override { return Told(object_->Close(), "write"); }
  Status Abort() override { return object_->Abort(); }
  bool closed() const override { return object_->closed(); }
  Result<int64_t> Tell() const override { return object_->Tell(); }
  Status Write(const void* data, int64_t bytes) override {
    ARROW_RETURN_NOT_OK(Told(object_->Write(data, bytes), "write"));
    unsent_bytes_ += bytes;
    if (unsent_bytes_ < kUnsentBytesMax) return Status::OK();
    // Parts are sent in the background, and would pile up in memory.
    unsent_bytes_ = 0;
    return Told(object_->Flush(), "write");
  }
  using arrow::io::OutputStream::Write;

 private:
  Status Told(const Status& status, const char* what) const { return status.ok() ? status : StoreError(status, what, path_); }

  const std::shared_ptr<arrow::io::OutputStream> object_;
  const std::string path_;
  int64_t unsent_bytes_ = 0;
};

class StoreEnv : public Env {
 public:
  explicit StoreEnv(std::shared_ptr<Env> below) : below_(std::move(below)) {}

  using Env::OpenForRead;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenForRead(const std::string& path, arrow::MemoryPool* pool) override {
    if (!IsStorePath(path)) return below_->OpenForRead(path, pool);
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    auto object = store->OpenInputFile(KeyOf(path));
    if (!object.ok()) return StoreError(object.status(), "open", path);
    return std::make_shared<StoreFile>(std::move(*object), path, pool);
  }
  Result<FileEntry> Stat(const std::string& path) override {
    if (!IsStorePath(path)) return below_->Stat(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    const auto info = store->GetFileInfo(KeyOf(path));
    if (!info.ok()) return StoreError(info.status(), "find", path);
    if (info->type() == arrow::fs::FileType::NotFound) return MakeError(ErrorKind::kFileNotFound, "Cannot find '" + path + "': there is no such object, nor any below it");
    return EntryOf(*info);
  }
  Result<std::vector<FileEntry>> List(const std::string& directory) override {
    if (!IsStorePath(directory)) return below_->List(directory);
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    arrow::fs::FileSelector selector;
    selector.base_dir = KeyOf(directory);
    const auto listed = store->GetFileInfo(selector);
    if (!listed.ok()) return StoreError(listed.status(), "list", directory);
    std::vector<FileEntry> entries;
    for (const auto& info : *listed) entries.push_back(EntryOf(info));
    std::sort(entries.begin(), entries.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
    return entries;
  }

  Result<std::shared_ptr<arrow::io::OutputStream>> CreateForWrite(const std::string& path) override {
    if (!IsStorePath(path)) return below_->CreateForWrite(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    const auto info = store->GetFileInfo(KeyOf(path));
    if (!info.ok()) return StoreError(info.status(), "create", path);
    if (info->type() == arrow::fs::FileType::File) return MakeError(ErrorKind::kIo, "Cannot create '" + path + "': it exists already");
    auto object = store->OpenOutputStream(KeyOf(path));
    if (!object.ok()) return StoreError(object.status(), "create", path);
    return std::make_shared<StoreOutput>(std::move(*object), path);
  }
  Result<std::unique_ptr<ScratchFile>> CreateScratch(const std::string& directory, bool direct) override {
    if (!IsStorePath(directory)) return below_->CreateScratch(directory, direct);
    return MakeError(ErrorKind::kInvalidArgument, "'" + directory + "' is no directory of this machine; rows are spilled to a disk");
  }
  Status CreateDirectories(const std::string& path) override { return IsStorePath(path) ? Status::OK() : below_->CreateDirectories(path); }
  Status Rename(const std::string& from, const std::string& to) override {
    if (!IsStorePath(from)) return below_->Rename(from, to);
    ARROW_ASSIGN_OR_RAISE(const FileEntry entry, Stat(from));
    if (!entry.is_directory) return Move(from, to);
    ARROW_ASSIGN_OR_RAISE(const auto entries, List(from));
    for (const FileEntry& inside : entries) ARROW_RETURN_NOT_OK(Rename(inside.path, to + inside.path.substr(from.size())));
    return Status::OK();
  }
  Status Remove(const std::string& path) override {
    if (!IsStorePath(path)) return below_->Remove(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    ARROW_ASSIGN_OR_RAISE(const FileEntry entry, Stat(path));
    if (!entry.is_directory) return Told(store->DeleteFile(KeyOf(path)), "remove", path);
    ARROW_ASSIGN_OR_RAISE(const auto entries, List(path));
    // One without keys is none; removing all below it might remove what others put there meanwhile.
    return entries.empty() ? Status::OK() : MakeError(ErrorKind::kIo, "Cannot remove '" + path + "': there are keys below it");
  }
  Status RemoveTree(const std::string& path) override {
    if (!IsStorePath(path)) return below_->RemoveTree(path);
    if (KeyOf(path).find('/') == std::string::npos) return MakeError(ErrorKind::kInvalidArgument, "Cannot remove '" + path + "': it is a bucket");
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    const Status removed = Told(store->DeleteDir(KeyOf(path)), "remove", path);
    return KindOf(removed) == ErrorKind::kFileNotFound ? Status::OK() : removed;
  }
  Status Sync(const std::string& path) override { return IsStorePath(path) ? Status::OK() : below_->Sync(path); }
  Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) override {
    if (!IsStorePath(path)) return below_->TryLock(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    const auto info = store->GetFileInfo(KeyOf(path));
    if (!info.ok()) return StoreError(info.status(), "lock", path);
    if (info->type() == arrow::fs::FileType::File) {
      if (below_->WallClock() - info->mtime() < kLockAge) return std::unique_ptr<FileLock>();
      return std::make_unique<FileLock>();
    }
    ARROW_ASSIGN_OR_RAISE(const auto object, CreateForWrite(path));
    ARROW_RETURN_NOT_OK(object->Close());
    return std::make_unique<FileLock>();
  }
  Result<Space> SpaceOf(const std::string& directory) override { return below_->SpaceOf(directory); }
  Status BeforeThreadStart() override { return below_->BeforeThreadStart(); }
  std::chrono::steady_clock::time_point Now() override { return below_->Now(); }
  std::chrono::system_clock::time_point WallClock() override { return below_->WallClock(); }
  uint64_t RandomSeed() override { return below_->RandomSeed(); }

 private:
  static FileEntry EntryOf(const arrow::fs::FileInfo& info) {
    const bool is_directory = info.type() == arrow::fs::FileType::Directory;
    return {std::string(kScheme) + info.path(), is_directory ? 0 : info.size(), is_directory};
  }
  static Status Told(const Status& status, const char* what, const std::string& path) { return status.ok() ? status : StoreError(status, what, path); }
  Status Move(const std::string& from, const std::string& to) {
    ARROW_ASSIGN_OR_RAISE(const auto store, Store());
    return Told(store->Move(KeyOf(from), KeyOf(to)), "rename", from);
  }
  Result<std::shared_ptr<arrow::fs::FileSystem>> Store() {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(EnsureS3Initialized());
    if (store_ == nullptr) {
      auto made = arrow::fs::FileSystemFromUri(std::string(kScheme));
      if (!made.ok()) return StoreError(made.status(), "connect to", std::string(kScheme));
      store_ = std::move(*made);
      FinalizeS3AtExit();
    }
    return store_;
  }

  const std::shared_ptr<Env> below_;
  std::mutex mutex_;
  std::shared_ptr<arrow::fs::FileSystem> store_;  // guarded by mutex_
};

}  // namespace

bool IsStorePath(std::string_view path) { return path.starts_with(kScheme); }

std::shared_ptr<Env> WithStores(std::shared_ptr<Env> below) { return std::make_shared<StoreEnv>(std::move(below)); }

}  // namespace millstream
