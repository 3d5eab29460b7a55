#include "env/s3_library.h"

#include <arrow/config.h>
#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include "base/fork.h"

namespace millstream {
namespace {

using StatusCall = Status (*)();

/// The client's entry points and where it stands.
struct S3Library {
  std::mutex mutex;
  StatusCall start = nullptr;
  StatusCall end = nullptr;
  std::optional<ForkGuard> started;
  bool ended = false;
};

/// Never destroyed: the call at exit may come after static objects went.
S3Library& Library() {
  static auto* library = new S3Library();
  return *library;
}

/// Beside the libarrow that this code is linked with: libX.so.N has libX_s3.so.N.
Result<std::string> LibraryPath() {
  Dl_info arrow;
  if (dladdr(reinterpret_cast<void*>(&arrow::GetBuildInfo), &arrow) == 0 || arrow.dli_fname == nullptr) {
    return MakeError(ErrorKind::kIo, "cannot tell which file libarrow was loaded from, so its S3 library cannot be found");
  }
  std::string path = arrow.dli_fname;
  const auto end = path.rfind(".so");
  if (end == std::string::npos) return MakeError(ErrorKind::kIo, "Arrow is not a shared library (" + path + "), so it has no S3 library");
  return path.insert(end, "_s3");
}

Result<StatusCall> FindCall(void* handle, const std::string& path, const char* symbol) {
  void* call = dlsym(handle, symbol);
  if (call == nullptr) return MakeError(ErrorKind::kIo, path + " is not Arrow's S3 library: it has no " + symbol);
  return reinterpret_cast<StatusCall>(call);
}

Status Load(S3Library& library) {
  ARROW_ASSIGN_OR_RAISE(const auto path, LibraryPath());
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return MakeError(ErrorKind::kIo, std::string("cannot load Arrow's S3 library: ") + dlerror());
  ARROW_ASSIGN_OR_RAISE(library.start, FindCall(handle, path, "_ZN5arrow2fs19EnsureS3InitializedEv"));
  ARROW_ASSIGN_OR_RAISE(library.end, FindCall(handle, path, "_ZN5arrow2fs17EnsureS3FinalizedEv"));
  return Status::OK();
}

Status CheckOfThisProcess(const S3Library& library) {
  if (library.ended) return MakeError(ErrorKind::kStale, "S3 was ended in this process and cannot be started again");
  if (library.started && library.started->inherited()) {
    return MakeError(ErrorKind::kStale, "S3 was started before this process was forked and does not run in it; start the process with spawn");
  }
  return Status::OK();
}

}  // namespace

Status EnsureS3Initialized() {
  auto& library = Library();
  std::lock_guard lock(library.mutex);
  ARROW_RETURN_NOT_OK(CheckOfThisProcess(library));
  if (library.started) return Status::OK();
  if (library.start == nullptr) ARROW_RETURN_NOT_OK(Load(library));
  ARROW_RETURN_NOT_OK(library.start());
  library.started.emplace();
  FinalizeS3AtExit();
  return Status::OK();
}

void FinalizeS3AtExit() {
  std::atexit([] {
    if (const auto status = FinalizeS3(); !status.ok()) status.Warn();
  });
}

bool IsS3Initialized() {
  auto& library = Library();
  std::lock_guard lock(library.mutex);
  return library.started && !library.started->inherited() && !library.ended;
}

Status FinalizeS3() {
  auto& library = Library();
  std::lock_guard lock(library.mutex);
  if (!library.started || library.started->inherited() || library.ended) return Status::OK();
  library.ended = true;
  return library.end();
}

}  // namespace millstream
