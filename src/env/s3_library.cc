#include "env/s3_library.h"

#include <arrow/config.h>
#include <arrow/filesystem/s3fs.h>
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
  void* handle = nullptr;
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

/// A function of this type in the library.
template <typename Call>
Result<Call> FindCall(void* handle, const char* symbol) {
  void* call = dlsym(handle, symbol);
  if (call == nullptr) return MakeError(ErrorKind::kIo, std::string("the library beside libarrow is not Arrow's S3 library: it has no ") + symbol);
  return reinterpret_cast<Call>(call);
}

Status Load(S3Library& library) {
  ARROW_ASSIGN_OR_RAISE(const auto path, LibraryPath());
  library.handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle == nullptr) return MakeError(ErrorKind::kIo, std::string("cannot load Arrow's S3 library: ") + dlerror());
  ARROW_ASSIGN_OR_RAISE(library.start, FindCall<StatusCall>(library.handle, "_ZN5arrow2fs19EnsureS3InitializedEv"));
  ARROW_ASSIGN_OR_RAISE(library.end, FindCall<StatusCall>(library.handle, "_ZN5arrow2fs17EnsureS3FinalizedEv"));
  return Status::OK();
}

Status CheckOfThisProcess(const S3Library& library) {
  if (library.ended) return MakeError(ErrorKind::kStale, "S3 was ended in this process and cannot be started again");
  if (library.started && library.started->inherited()) {
    return MakeError(ErrorKind::kStale, "S3 was started before this process was forked and does not run in it; start the process with spawn");
  }
  return Status::OK();
}

using arrow::fs::S3Options;
using Texts = std::map<std::string, std::string>;

std::string Take(Texts* options, const std::string& name) {
  const auto option = options->extract(name);
  return option.empty() ? std::string() : option.mapped();
}

/// Who the client says it is.
Result<S3Options> Credentials(void* library, Texts* options) {
  using std::string;
  const bool anonymous = Take(options, "anonymous") == "true";
  const string access_key = Take(options, "access_key"), secret_key = Take(options, "secret_key"), session_token = Take(options, "session_token");
  if (anonymous) {
    ARROW_ASSIGN_OR_RAISE(const auto make, FindCall<S3Options (*)()>(library, "_ZN5arrow2fs9S3Options9AnonymousEv"));
    return make();
  }
  if (access_key.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto make, FindCall<S3Options (*)()>(library, "_ZN5arrow2fs9S3Options8DefaultsEv"));
    return make();
  }
  using FromKey = S3Options (*)(const string&, const string&, const string&);
  ARROW_ASSIGN_OR_RAISE(const auto make, FindCall<FromKey>(library, "_ZN5arrow2fs9S3Options13FromAccessKeyERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES9_S9_"));
  return make(access_key, secret_key, session_token);
}

Result<S3Options> OptionsFrom(void* library, Texts texts) {
  ARROW_ASSIGN_OR_RAISE(S3Options options, Credentials(library, &texts));
  options.region = Take(&texts, "region");
  options.endpoint_override = Take(&texts, "endpoint_override");
  options.tls_ca_file_path = Take(&texts, "tls_ca_file_path");
  if (auto scheme = Take(&texts, "scheme"); !scheme.empty()) options.scheme = std::move(scheme);
  if (const auto seconds = Take(&texts, "connect_timeout"); !seconds.empty()) options.connect_timeout = std::strtod(seconds.c_str(), nullptr);
  if (const auto seconds = Take(&texts, "request_timeout"); !seconds.empty()) options.request_timeout = std::strtod(seconds.c_str(), nullptr);
  options.force_virtual_addressing = Take(&texts, "force_virtual_addressing") == "true";
  options.allow_bucket_creation = Take(&texts, "allow_bucket_creation") == "true";
  options.allow_bucket_deletion = Take(&texts, "allow_bucket_deletion") == "true";
  if (texts.empty()) return options;
  return MakeError(ErrorKind::kInvalidArgument, "a store of kind s3 has no option '" + texts.begin()->first + "'");
}

void* LibraryHandle() {
  std::lock_guard lock(Library().mutex);
  return Library().handle;
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

Result<std::shared_ptr<arrow::fs::FileSystem>> MakeS3Store(std::map<std::string, std::string> options) {
  ARROW_RETURN_NOT_OK(EnsureS3Initialized());
  std::shared_ptr<arrow::fs::FileSystem> store;
  if (options.empty()) {
    ARROW_ASSIGN_OR_RAISE(store, arrow::fs::FileSystemFromUri("s3://"));
  } else {
    using Make = Result<std::shared_ptr<arrow::fs::S3FileSystem>> (*)(const S3Options&, const arrow::io::IOContext&);
    ARROW_ASSIGN_OR_RAISE(const auto client, OptionsFrom(LibraryHandle(), std::move(options)));
    ARROW_ASSIGN_OR_RAISE(const auto make, FindCall<Make>(LibraryHandle(), "_ZN5arrow2fs12S3FileSystem4MakeERKNS0_9S3OptionsERKNS_2io9IOContextE"));
    ARROW_ASSIGN_OR_RAISE(store, make(client, arrow::io::default_io_context()));
  }
  FinalizeS3AtExit();
  return store;
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
