#include "testing/fault_env.h"

#include <arrow/buffer.h>
#include <arrow/util/future.h>

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

namespace millstream {
namespace {

/// The faults that are set, and what has been counted; shared by the env and its files.
class Faults {
 public:
  enum class Effect : uint8_t { kNone, kFail, kShort, kFlip, kDie };
  struct Decision {
    Effect effect = Effect::kNone;
    ErrorKind kind = ErrorKind::kIo;
    int64_t bit = 0;
  };

  void Set(EnvCall call, int64_t index, Decision decision) {
    std::lock_guard lock(mutex_);
    Plan& plan = plans_[static_cast<size_t>(call)];
    plan.strikes_at = plan.calls + index;
    plan.decision = decision;
  }
  void Clear() {
    std::lock_guard lock(mutex_);
    for (Plan& plan : plans_) plan.strikes_at = -1;
  }
  Decision Count(EnvCall call) {
    std::lock_guard lock(mutex_);
    Plan& plan = plans_[static_cast<size_t>(call)];
    if (plan.calls++ != plan.strikes_at) return {};
    ++faults_;
    if (plan.decision.effect == Effect::kDie) kill(getpid(), SIGKILL);
    return plan.decision;
  }
  Status Check(EnvCall call, const std::string& path) {
    const Decision decision = Count(call);
    return decision.effect == Effect::kNone ? Status::OK() : Error(decision.kind, call, path);
  }
  static Status Error(ErrorKind kind, EnvCall call, const std::string& path) {
    return MakeError(kind, std::string("Injected fault: ") + NameOf(call) + " of '" + path + "'");
  }
  int64_t calls(EnvCall call) const {
    std::lock_guard lock(mutex_);
    return plans_[static_cast<size_t>(call)].calls;
  }
  int64_t faults() const {
    std::lock_guard lock(mutex_);
    return faults_;
  }

  std::atomic<int64_t> open_files{0};

 private:
  struct Plan {
    int64_t calls = 0;
    int64_t strikes_at = -1;
    Decision decision;
  };
  mutable std::mutex mutex_;
  std::array<Plan, kEnvCalls> plans_;
  int64_t faults_ = 0;
};

class OpenFile {
 public:
  OpenFile(std::shared_ptr<Faults> faults, std::string path) : faults_(std::move(faults)), path_(std::move(path)) { ++faults_->open_files; }
  ~OpenFile() { --faults_->open_files; }
  Faults* operator->() const { return faults_.get(); }
  const std::string& path() const { return path_; }

 private:
  const std::shared_ptr<Faults> faults_;
  const std::string path_;
};

void Flip(uint8_t* data, int64_t bytes, int64_t bit) {
  if (bytes > 0) data[bit / 8 % bytes] ^= static_cast<uint8_t>(1 << (bit % 8));
}

class FaultReadFile : public arrow::io::RandomAccessFile {
 public:
  FaultReadFile(std::shared_ptr<arrow::io::RandomAccessFile> base, std::shared_ptr<Faults> faults, std::string path)
      : base_(std::move(base)), open_(std::move(faults), std::move(path)) {}

  Status Close() override { return base_->Close(); }
  arrow::Future<> CloseAsync() override { return base_->CloseAsync(); }
  bool closed() const override { return base_->closed(); }
  Result<int64_t> GetSize() override { return base_->GetSize(); }
  Result<int64_t> Tell() const override { return base_->Tell(); }
  Status Seek(int64_t position) override { return base_->Seek(position); }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    return Into([&] { return base_->Read(bytes, out); }, out);
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    return Buffered([&] { return base_->Read(bytes); });
  }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, bool short_read, void* out) override {
    return Into([&] { return base_->ReadAt(position, bytes, short_read, out); }, out);
  }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override { return ReadAt(position, bytes, true, out); }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes, bool short_read) override {
    return Buffered([&] { return base_->ReadAt(position, bytes, short_read); });
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override { return ReadAt(position, bytes, true); }
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext&, int64_t position, int64_t bytes,
                                                          bool short_read) override {
    return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(ReadAt(position, bytes, short_read));
  }
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext& context, int64_t position, int64_t bytes) override {
    return ReadAsync(context, position, bytes, true);
  }

 private:
  template <typename Call>
  Result<int64_t> Into(Call call, void* out) {
    const auto decision = open_->Count(EnvCall::kRead);
    if (decision.effect == Faults::Effect::kFail) return Faults::Error(decision.kind, EnvCall::kRead, open_.path());
    ARROW_ASSIGN_OR_RAISE(const int64_t read, call());
    if (decision.effect == Faults::Effect::kFlip) Flip(static_cast<uint8_t*>(out), read, decision.bit);
    return read;
  }
  template <typename Call>
  Result<std::shared_ptr<arrow::Buffer>> Buffered(Call call) {
    std::shared_ptr<arrow::Buffer> buffer;
    const auto decision = open_->Count(EnvCall::kRead);
    if (decision.effect == Faults::Effect::kFail) return Faults::Error(decision.kind, EnvCall::kRead, open_.path());
    ARROW_ASSIGN_OR_RAISE(buffer, call());
    if (decision.effect == Faults::Effect::kFlip) Flip(const_cast<uint8_t*>(buffer->data()), buffer->size(), decision.bit);
    return buffer;
  }

  std::shared_ptr<arrow::io::RandomAccessFile> base_;
  OpenFile open_;
};

class FaultWriteFile : public arrow::io::OutputStream {
 public:
  FaultWriteFile(std::shared_ptr<arrow::io::OutputStream> base, std::shared_ptr<Faults> faults, std::string path)
      : base_(std::move(base)), open_(std::move(faults), std::move(path)) {}

  Status Close() override {
    const Status fault = open_->Check(EnvCall::kClose, open_.path());
    const Status closed = base_->Close();
    return fault.ok() ? closed : fault;
  }
  arrow::Future<> CloseAsync() override { return arrow::Future<>::MakeFinished(Close()); }
  Status Abort() override { return base_->Abort(); }
  bool closed() const override { return base_->closed(); }
  Result<int64_t> Tell() const override { return base_->Tell(); }
  using arrow::io::Writable::Write;
  Status Write(const void* data, int64_t bytes) override {
    const auto decision = open_->Count(EnvCall::kWrite);
    if (decision.effect == Faults::Effect::kShort) ARROW_RETURN_NOT_OK(base_->Write(data, bytes / 2));
    if (decision.effect != Faults::Effect::kNone) return Faults::Error(decision.kind, EnvCall::kWrite, open_.path());
    return base_->Write(data, bytes);
  }

 private:
  std::shared_ptr<arrow::io::OutputStream> base_;
  OpenFile open_;
};

class FaultScratch : public ScratchFile {
 public:
  FaultScratch(std::unique_ptr<ScratchFile> base, std::shared_ptr<Faults> faults, std::string directory)
      : base_(std::move(base)), open_(std::move(faults), std::move(directory)) {}

  Status WriteAt(int64_t offset, const uint8_t* data, int64_t bytes) override {
    const auto decision = open_->Count(EnvCall::kWrite);
    if (decision.effect == Faults::Effect::kShort) {
      ARROW_RETURN_NOT_OK(base_->WriteAt(offset, data, bytes / 2 / kAlignmentBytes * kAlignmentBytes));
    }
    if (decision.effect != Faults::Effect::kNone) return Faults::Error(decision.kind, EnvCall::kWrite, open_.path());
    return base_->WriteAt(offset, data, bytes);
  }
  Status ReadAt(int64_t offset, uint8_t* out, int64_t bytes) override {
    const auto decision = open_->Count(EnvCall::kRead);
    if (decision.effect == Faults::Effect::kFail) return Faults::Error(decision.kind, EnvCall::kRead, open_.path());
    ARROW_RETURN_NOT_OK(base_->ReadAt(offset, out, bytes));
    if (decision.effect == Faults::Effect::kFlip) Flip(out, bytes, decision.bit);
    return Status::OK();
  }
  void Discard(int64_t offset, int64_t bytes) override { base_->Discard(offset, bytes); }
  bool direct() const override { return base_->direct(); }

 private:
  std::unique_ptr<ScratchFile> base_;
  OpenFile open_;
};

class FaultyEnv : public FaultEnv {
 public:
  explicit FaultyEnv(std::shared_ptr<Env> base) : base_(std::move(base)) {}

  void FailCall(EnvCall call, int64_t index, ErrorKind kind) override { faults_->Set(call, index, {Faults::Effect::kFail, kind, 0}); }
  void ShortWrite(int64_t index) override { faults_->Set(EnvCall::kWrite, index, {Faults::Effect::kShort, ErrorKind::kDiskFull, 0}); }
  void FlipBit(int64_t index, int64_t bit) override { faults_->Set(EnvCall::kRead, index, {Faults::Effect::kFlip, ErrorKind::kIo, bit}); }
  void DieAtCall(EnvCall call, int64_t index) override { faults_->Set(call, index, {Faults::Effect::kDie, ErrorKind::kOther, 0}); }
  void PretendSpace(std::optional<Space> space) override {
    std::lock_guard lock(mutex_);
    space_ = space;
  }
  void ClearFaults() override { faults_->Clear(); }
  int64_t calls(EnvCall call) const override { return faults_->calls(call); }
  int64_t faults() const override { return faults_->faults(); }
  int64_t open_files() const override { return faults_->open_files; }

  using Env::OpenForRead;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenForRead(const std::string& path, arrow::MemoryPool* pool) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kOpen, path));
    ARROW_ASSIGN_OR_RAISE(auto file, base_->OpenForRead(path, pool));
    return std::make_shared<FaultReadFile>(std::move(file), faults_, path);
  }
  Result<std::shared_ptr<arrow::io::OutputStream>> CreateForWrite(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kCreate, path));
    ARROW_ASSIGN_OR_RAISE(auto file, base_->CreateForWrite(path));
    return std::make_shared<FaultWriteFile>(std::move(file), faults_, path);
  }
  Result<std::unique_ptr<ScratchFile>> CreateScratch(const std::string& directory, bool direct) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kCreate, directory));
    ARROW_ASSIGN_OR_RAISE(auto file, base_->CreateScratch(directory, direct));
    return std::make_unique<FaultScratch>(std::move(file), faults_, directory);
  }
  Result<FileEntry> Stat(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kStat, path));
    return base_->Stat(path);
  }
  Result<std::vector<FileEntry>> List(const std::string& directory) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kList, directory));
    return base_->List(directory);
  }
  Status CreateDirectories(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kCreate, path));
    return base_->CreateDirectories(path);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kRename, from));
    return base_->Rename(from, to);
  }
  Status Remove(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kRemove, path));
    return base_->Remove(path);
  }
  Status RemoveTree(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kRemove, path));
    return base_->RemoveTree(path);
  }
  Status Sync(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kSync, path));
    return base_->Sync(path);
  }
  Result<std::unique_ptr<FileLock>> TryLock(const std::string& path) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kLock, path));
    return base_->TryLock(path);
  }
  Result<Space> SpaceOf(const std::string& directory) override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kSpace, directory));
    std::unique_lock lock(mutex_);
    if (space_) return *space_;
    lock.unlock();
    return base_->SpaceOf(directory);
  }
  Status BeforeThreadStart() override {
    ARROW_RETURN_NOT_OK(faults_->Check(EnvCall::kThreadStart, "a lane"));
    return base_->BeforeThreadStart();
  }
  std::chrono::steady_clock::time_point Now() override { return base_->Now(); }
  std::chrono::system_clock::time_point WallClock() override { return base_->WallClock(); }
  uint64_t RandomSeed() override { return base_->RandomSeed(); }

 private:
  const std::shared_ptr<Env> base_;
  const std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
  std::mutex mutex_;
  std::optional<Space> space_;
};

}  // namespace

const char* NameOf(EnvCall call) {
  static constexpr const char* kNames[kEnvCalls] = {"open",   "create", "read", "write", "close",       "stat",
                                                    "list", "rename", "remove", "sync", "space", "thread start", "lock"};
  return kNames[static_cast<size_t>(call)];
}

std::shared_ptr<FaultEnv> FaultEnv::Make(std::shared_ptr<Env> base) { return std::make_shared<FaultyEnv>(std::move(base)); }

}  // namespace millstream
