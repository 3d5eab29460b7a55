#include "env/store_env.h"

#include <arrow/filesystem/filesystem.h>

#include <algorithm>
#include <cctype>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/fork.h"
#include "env/native_stores.h"
#include "env/read_ahead.h"
#include "env/store_file.h"

namespace millstream {
namespace {

constexpr auto kLockAge = std::chrono::hours(24 * 7);
/// Objects that stay open once they were opened ahead of their readers.
constexpr size_t kOpenObjectsMax = 1024;
constexpr auto kOpenAge = std::chrono::seconds(30);
/// Above this S3 copies an object only in parts, which Arrow's client does not do: it is read and written again.
constexpr int64_t kCopiedBytesMax = int64_t{5} << 30;
constexpr int64_t kCopyBytes = 16 << 20;

using FilesPtr = std::shared_ptr<arrow::fs::FileSystem>;

/// A store, and what its paths begin with: to us, and inside of it.
struct Store {
  std::string prefix;
  std::string inside;
  FilesPtr files;
  bool is_native = false;  // paths name it by themselves

  std::string KeyOf(const std::string& path) const {
    if (path.size() >= prefix.size()) return inside + path.substr(prefix.size());
    return inside.substr(0, inside.size() - std::min<size_t>(inside.size(), 1));  // the container itself, without the slash
  }
  std::string PathOf(const std::string& key) const { return prefix + key.substr(std::min(inside.size(), key.size())); }
};

struct OpenObject {
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  int64_t size_bytes = 0;
};

/// Objects that were opened lately, and not by their readers.
class OpenObjects {
 public:
  std::optional<OpenObject> Find(const std::string& path, std::chrono::steady_clock::time_point now) {
    std::vector<OpenObject> gone;
    std::lock_guard lock(mutex_);
    gone.swap(gone_);
    const auto found = entries_.find(path);
    if (found == entries_.end()) return std::nullopt;
    if (now - found->second->opened > kOpenAge) {
      Erase(found->second);
      return std::nullopt;
    }
    return found->second->object;
  }
  void Add(const std::string& path, OpenObject object, std::chrono::steady_clock::time_point now) {
    std::lock_guard lock(mutex_);
    if (entries_.contains(path)) return;
    by_age_.push_back({path, std::move(object), now});
    entries_[path] = std::prev(by_age_.end());
    if (by_age_.size() > kOpenObjectsMax) Erase(by_age_.begin());
  }
  void Forget(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(path); found != entries_.end()) Erase(found->second);
  }

 private:
  struct Entry {
    std::string path;
    OpenObject object;
    std::chrono::steady_clock::time_point opened;
  };
  void Erase(std::list<Entry>::iterator entry) {
    entries_.erase(entry->path);
    gone_.push_back(std::move(entry->object));
    by_age_.erase(entry);
  }

  std::mutex mutex_;
  // Guarded by mutex_:
  std::list<Entry> by_age_;
  std::unordered_map<std::string, std::list<Entry>::iterator> entries_;
  std::vector<OpenObject> gone_;  // ended later, by who holds no lock: they may be objects of Python's
};

/// Those that paths name, and those that were added.
class Stores {
 public:
  void Add(Store added) {
    std::vector<Store> before;  // ended without the lock: it may be an object of Python's
    std::lock_guard lock(mutex_);
    before = stores_;
    std::erase_if(stores_, [&](const Store& store) { return store.prefix == added.prefix; });
    stores_.push_back(std::move(added));
  }

  Result<Store> Of(const std::string& path) {
    if (fork_.inherited()) return MakeError(ErrorKind::kStale, "'" + path + "': its store was connected to before this process was forked; start the process with spawn");
    std::lock_guard lock(mutex_);
    for (const Store& store : stores_) {
      if (store.prefix.ends_with("://") && !store.is_native && path.starts_with(store.prefix)) return store;
    }
    // A host or account is all of its name: one may begin with another.
    ARROW_ASSIGN_OR_RAISE(const auto native, ParseNativeStorePath(path));
    for (const Store& store : stores_) {
      if (store.is_native && native.has_value() && store.prefix == native->prefix) return store;
    }
    if (!native.has_value()) return MakeError(ErrorKind::kInvalidArgument, "'" + path + "': no such store is known here");
    auto files = MakeNativeStore(native->kind, native->options);
    if (!files.ok()) return StoreError(files.status(), "connect to", native->prefix);
    stores_.push_back({native->prefix, native->inside, std::move(*files), /*is_native=*/true});
    return stores_.back();
  }

  /// What was opened ahead is there for all that is fetched ahead, and for one reader: the next one asks anew what there is.
  Result<OpenObject> Open(const std::string& path, std::chrono::steady_clock::time_point now, bool is_ahead) {
    if (auto object = objects_.Find(path, now)) {
      if (!is_ahead) objects_.Forget(path);
      return *object;
    }
    ARROW_ASSIGN_OR_RAISE(const auto store, Of(path));
    auto file = store.files->OpenInputFile(store.KeyOf(path));
    if (!file.ok()) return StoreError(file.status(), "open", path);
    const auto size = (*file)->GetSize();
    if (!size.ok()) return StoreError(size.status(), "open", path);
    OpenObject object{std::move(*file), *size};
    if (is_ahead) objects_.Add(path, object, now);
    return object;
  }
  void Forget(const std::string& path) { objects_.Forget(path); }

 private:
  const ForkGuard fork_;
  OpenObjects objects_;
  std::mutex mutex_;
  std::vector<Store> stores_;  // guarded by mutex_
};

bool IsFlat(const arrow::fs::FileSystem& files) {
  const std::string kind = files.type_name();
  return kind == "s3" || kind == "gcs" || kind == "abfs";
}

Status Told(const Status& status, const char* what, const std::string& path) { return status.ok() ? status : StoreError(status, what, path); }

class StoreEnv : public Env {
 public:
  explicit StoreEnv(std::shared_ptr<Env> below) : below_(std::move(below)) {}
  ~StoreEnv() override {
    if (fork_.inherited()) new std::shared_ptr<ReadAhead>(std::move(ahead_));  // its threads are not here
    else if (ahead_ != nullptr) ahead_->Leave();  // they may wait for a lock that whoever is here holds
  }

  Status AddStore(std::string prefix, std::string inside, FilesPtr files) override {
    stores_->Add({std::move(prefix), std::move(inside), std::move(files), /*is_native=*/false});
    return Status::OK();
  }
  void UseReadAhead(std::function<ReadAheadMemory()> memory) override {
    std::lock_guard lock(mutex_);
    open_memory_ = std::move(memory);
  }
  void StopThreads() override {
    if (const auto ahead = Ahead(/*start=*/false); ahead != nullptr) ahead->Stop();
  }
  void WillRead(const std::string& path, const std::vector<ByteRange>& ranges) override {
    if (!IsStorePath(path)) return below_->WillRead(path, ranges);
    if (const auto ahead = Ahead(/*start=*/true); ahead != nullptr) ahead->WillRead(path, ranges);
  }

  using Env::OpenForRead;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenForRead(const std::string& path, arrow::MemoryPool* pool) override {
    if (!IsStorePath(path)) return below_->OpenForRead(path, pool);
    ARROW_ASSIGN_OR_RAISE(auto object, stores_->Open(path, Now(), /*is_ahead=*/false));
    return OpenStoreFile(std::move(object.file), path, object.size_bytes, Ahead(/*start=*/true), pool);
  }
  Result<FileEntry> Stat(const std::string& path) override {
    if (!IsStorePath(path)) return below_->Stat(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(path));
    const auto info = store.files->GetFileInfo(store.KeyOf(path));
    if (!info.ok()) return StoreError(info.status(), "find", path);
    if (info->type() == arrow::fs::FileType::NotFound) return MakeError(ErrorKind::kFileNotFound, "Cannot find '" + path + "': there is no such object, nor any below it");
    return EntryOf(store, *info);
  }
  Result<std::vector<FileEntry>> List(const std::string& directory) override {
    if (!IsStorePath(directory)) return below_->List(directory);
    ARROW_ASSIGN_OR_RAISE(auto entries, ListBelow(directory, /*recursive=*/false));
    std::sort(entries.begin(), entries.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
    return entries;
  }
  Result<std::optional<std::vector<FileEntry>>> ListTree(const std::string& directory) override {
    if (!IsStorePath(directory)) return below_->ListTree(directory);
    ARROW_ASSIGN_OR_RAISE(auto entries, ListBelow(directory, /*recursive=*/true));
    std::erase_if(entries, [](const FileEntry& entry) { return entry.is_directory; });
    return entries;
  }

  Result<std::shared_ptr<arrow::io::OutputStream>> CreateForWrite(const std::string& path) override {
    if (!IsStorePath(path)) return below_->CreateForWrite(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(path));
    const auto info = store.files->GetFileInfo(store.KeyOf(path));
    if (!info.ok()) return StoreError(info.status(), "create", path);
    if (info->type() == arrow::fs::FileType::File) return MakeError(ErrorKind::kIo, "Cannot create '" + path + "': it exists already");
    Forget(path);
    auto object = store.files->OpenOutputStream(store.KeyOf(path));
    if (!object.ok()) return StoreError(object.status(), "create", path);
    return CreateStoreFile(std::move(*object), path);
  }
  Result<std::unique_ptr<ScratchFile>> CreateScratch(const std::string& directory, bool direct) override {
    if (!IsStorePath(directory)) return below_->CreateScratch(directory, direct);
    return MakeError(ErrorKind::kInvalidArgument, "'" + directory + "' is no directory of this machine; rows are spilled to a disk");
  }
  Status CreateDirectories(const std::string& path) override {
    if (!IsStorePath(path)) return below_->CreateDirectories(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(path));
    if (!IsFlat(*store.files)) return Told(store.files->CreateDir(store.KeyOf(path), /*recursive=*/true), "create", path);
    const bool is_bucket = store.KeyOf(path).find('/') == std::string::npos;  // which nobody makes on the way
    return is_bucket ? Stat(path).status() : Status::OK();
  }
  Status Rename(const std::string& from, const std::string& to) override {
    if (!IsStorePath(from)) return below_->Rename(from, to);
    ARROW_ASSIGN_OR_RAISE(const FileEntry entry, Stat(from));
    if (!entry.is_directory) return Move(entry, to);
    ARROW_ASSIGN_OR_RAISE(const auto entries, List(from));
    for (const FileEntry& inside : entries) ARROW_RETURN_NOT_OK(Rename(inside.path, to + inside.path.substr(from.size())));
    return Remove(from);
  }
  Status Remove(const std::string& path) override {
    if (!IsStorePath(path)) return below_->Remove(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(path));
    const auto info = store.files->GetFileInfo(store.KeyOf(path));
    if (!info.ok()) return StoreError(info.status(), "remove", path);
    if (info->type() == arrow::fs::FileType::NotFound && IsFlat(*store.files)) return MakeError(ErrorKind::kFileNotFound, "Cannot remove '" + path + "': it is not there");
    Forget(path);
    if (info->type() == arrow::fs::FileType::File) return Told(store.files->DeleteFile(store.KeyOf(path)), "remove", path);
    ARROW_ASSIGN_OR_RAISE(const auto entries, List(path));
    // Removing all below it might remove what others put there meanwhile.
    if (!entries.empty()) return MakeError(ErrorKind::kIo, "Cannot remove '" + path + "': there are keys below it");
    if (!IsFlat(*store.files)) (void)store.files->DeleteFile(store.KeyOf(path));  // one that is empty, where the store has such
    return Status::OK();
  }
  Status RemoveTree(const std::string& path) override {
    if (!IsStorePath(path)) return below_->RemoveTree(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(path));
    if (store.KeyOf(path).find('/') == std::string::npos) return MakeError(ErrorKind::kInvalidArgument, "Cannot remove '" + path + "': it is a bucket");
    const Status removed = Told(store.files->DeleteDir(store.KeyOf(path)), "remove", path);
    return KindOf(removed) == ErrorKind::kFileNotFound ? Status::OK() : removed;
  }
  Status Sync(const std::string& path) override { return IsStorePath(path) ? Status::OK() : below_->Sync(path); }
  Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) override {
    if (!IsStorePath(path)) return below_->TryLock(path);
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(path));
    const auto info = store.files->GetFileInfo(store.KeyOf(path));
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
  Result<Store> StoreOf(const std::string& path) { return stores_->Of(path); }

  FileEntry EntryOf(const Store& store, const arrow::fs::FileInfo& info) {
    const bool is_directory = info.type() == arrow::fs::FileType::Directory;
    FileEntry entry{store.PathOf(info.path()), is_directory ? 0 : info.size(), is_directory};
    // Who lists anew is to read anew.
    if (!is_directory) Forget(entry.path);
    return entry;
  }

  Result<std::vector<FileEntry>> ListBelow(const std::string& directory, bool recursive) {
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(directory));
    arrow::fs::FileSelector selector;
    selector.base_dir = store.KeyOf(directory);
    selector.recursive = recursive;
    const auto listed = store.files->GetFileInfo(selector);
    if (!listed.ok()) return StoreError(listed.status(), "list", directory);
    std::vector<FileEntry> entries;
    for (const auto& info : *listed) entries.push_back(EntryOf(store, info));
    return entries;
  }

  void Forget(const std::string& path) {
    stores_->Forget(path);
    if (const auto ahead = Ahead(/*start=*/false); ahead != nullptr) ahead->Forget(path);
  }

  /// Null where there is no memory for it.
  std::shared_ptr<ReadAhead> Ahead(bool start) {
    if (fork_.inherited()) return nullptr;
    std::lock_guard lock(mutex_);
    if (ahead_ != nullptr || !start || !open_memory_) return ahead_;
    ReadAheadMemory memory = std::exchange(open_memory_, nullptr)();
    if (memory.pool == nullptr) return nullptr;
    // Objects are opened by the threads too, so that the waits for that overlap.
    auto fetch = [stores = stores_, below = below_](const std::string& path, int64_t begin, int64_t bytes, uint8_t* out) -> Result<int64_t> {
      ARROW_ASSIGN_OR_RAISE(const auto object, stores->Open(path, below->Now(), /*is_ahead=*/true));
      return object.file->ReadAt(begin, bytes, out);
    };
    // By then somebody may have opened it who was no quicker than the reader.
    auto done = [stores = stores_](const std::string& path) { stores->Forget(path); };
    ahead_ = std::make_shared<ReadAhead>(std::move(memory), std::move(fetch), std::move(done), below_);
    return ahead_;
  }

  Status Move(const FileEntry& from, const std::string& to) {
    ARROW_ASSIGN_OR_RAISE(const auto store, StoreOf(from.path));
    Forget(from.path);
    Forget(to);
    if (store.files->type_name() == "s3" && from.size_bytes > kCopiedBytesMax) {
      ARROW_RETURN_NOT_OK(CopyByReading(from, to));
      return Told(store.files->DeleteFile(store.KeyOf(from.path)), "rename", from.path);
    }
    return Told(store.files->Move(store.KeyOf(from.path), store.KeyOf(to)), "rename", from.path);
  }

  Status CopyByReading(const FileEntry& from, const std::string& to) {
    ARROW_ASSIGN_OR_RAISE(const auto in, OpenForRead(from.path, arrow::default_memory_pool()));
    ARROW_ASSIGN_OR_RAISE(const auto out, CreateForWrite(to));
    for (int64_t begin = 0; begin < from.size_bytes; begin += kCopyBytes) {
      ARROW_ASSIGN_OR_RAISE(const auto bytes, in->ReadAt(begin, kCopyBytes));
      ARROW_RETURN_NOT_OK(out->Write(bytes));
    }
    return out->Close();
  }

  const std::shared_ptr<Env> below_;
  const ForkGuard fork_;
  const std::shared_ptr<Stores> stores_ = std::make_shared<Stores>();
  std::mutex mutex_;
  // Guarded by mutex_:
  std::function<ReadAheadMemory()> open_memory_;
  std::shared_ptr<ReadAhead> ahead_;
};

}  // namespace

bool IsStorePath(std::string_view path) {
  const auto separator = path.find("://");
  return separator != std::string_view::npos && separator > 0 && path.substr(0, separator).find('/') == std::string_view::npos;
}

std::string WithoutStoreNames(std::string text) {
  constexpr size_t kDigits = 8;
  for (size_t mark = text.find('~'); mark != std::string::npos; mark = text.find('~', mark)) {
    const std::string_view after = std::string_view(text).substr(mark + 1);
    const bool is_name = after.size() > kDigits && after.substr(kDigits).starts_with("://") &&
                         std::all_of(after.begin(), after.begin() + kDigits, [](unsigned char digit) { return std::isxdigit(digit) != 0; });
    if (!is_name) {
      ++mark;
      continue;
    }
    size_t begin = mark;
    while (begin > 0 && std::isalnum(static_cast<unsigned char>(text[begin - 1])) != 0) --begin;
    text.erase(begin, mark + 1 + kDigits + 3 - begin);
    mark = begin;
  }
  return text;
}

std::shared_ptr<Env> WithStores(std::shared_ptr<Env> below) { return std::make_shared<StoreEnv>(std::move(below)); }

}  // namespace millstream
