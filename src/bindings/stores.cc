#include <arrow/filesystem/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <tuple>

#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "env/native_stores.h"
#include "env/positional_file.h"
#include "exec/engine.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// Why a store of Python's could not do something: the kind by the exception's type, and its words.
Status StatusOfStore(const nb::python_error& error) {
  const ErrorKind kind = error.matches(PyExc_FileNotFoundError) ? ErrorKind::kFileNotFound
                         : error.matches(PyExc_PermissionError) ? ErrorKind::kPermission
                                                                : ErrorKind::kIo;
  try {
    return MakeError(kind, nb::cast<std::string>(nb::type_name(error.type())) + ": " + nb::cast<std::string>(nb::str(error.value())));
  } catch (const std::exception&) {
    return MakeError(kind, "an exception whose message cannot be shown");
  }
}

/// Calls into Python, whose exceptions become the status.
template <typename Call>
auto WithGil(const Call& call) -> decltype(call()) {
  const AcquireGil acquire;
  try {
    return call();
  } catch (const nb::python_error& error) {
    return StatusOfStore(error);
  } catch (const nb::cast_error&) {
    return MakeError(ErrorKind::kType, "the file system gave what is no answer to the question");
  }
}

class PythonObject {
 public:
  explicit PythonObject(nb::object object) : object_(std::move(object)) {}
  ~PythonObject() {
    const AcquireGil acquire;
    object_.reset();
  }
  PythonObject(const PythonObject&) = delete;
  PythonObject& operator=(const PythonObject&) = delete;
  /// With the GIL held.
  template <typename... Arguments>
  nb::object Call(const char* method, Arguments&&... arguments) const {
    return object_.attr(method)(std::forward<Arguments>(arguments)...);
  }

 private:
  nb::object object_;
};

/// Of a file that Python opened: `read_at(bytes, offset)`.
class PythonInput : public PositionalFile {
 public:
  PythonInput(nb::object file, std::string path, int64_t size) : PositionalFile(std::move(path)), file_(std::move(file)), size_(size) {}
  Status Close() override { return Status::OK(); }
  bool closed() const override { return false; }
  Result<int64_t> GetSize() override { return size_; }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    return WithGil([&]() -> Result<int64_t> {
      const nb::bytes read = nb::cast<nb::bytes>(file_.Call("read_at", bytes, position));
      const int64_t size = std::min<int64_t>(static_cast<int64_t>(read.size()), bytes);
      std::memcpy(out, read.c_str(), static_cast<size_t>(size));
      return size;
    });
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  const PythonObject file_;
  const int64_t size_;
};

/// Of a file that Python writes: `write(data)`, `close()`.
class PythonOutput : public arrow::io::OutputStream {
 public:
  explicit PythonOutput(nb::object file) : file_(std::move(file)) {}
  Status Close() override {
    if (std::exchange(closed_, true)) return Status::OK();
    return WithGil([&] { return file_.Call("close"), Status::OK(); });
  }
  Status Abort() override {
    if (std::exchange(closed_, true)) return Status::OK();
    return WithGil([&] { return file_.Call("abort"), Status::OK(); });
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return written_; }
  Status Write(const void* data, int64_t bytes) override {
    ARROW_RETURN_NOT_OK(WithGil([&] { return file_.Call("write", nb::bytes(static_cast<const char*>(data), static_cast<size_t>(bytes))), Status::OK(); }));
    written_ += bytes;
    return Status::OK();
  }

 private:
  const PythonObject file_;
  bool closed_ = false;
  int64_t written_ = 0;
};

/// A file system of Python's (python/millstream/stores.py). Called from any thread.
class PythonStore : public arrow::fs::FileSystem {
 public:
  explicit PythonStore(nb::object adapter) : adapter_(std::move(adapter)) {}

  using FileSystem::CreateDir;
  using FileSystem::DeleteDirContents;
  using FileSystem::GetFileInfo;
  using FileSystem::OpenAppendStream;
  using FileSystem::OpenInputFile;
  using FileSystem::OpenInputStream;
  using FileSystem::OpenOutputStream;

  std::string type_name() const override { return "python"; }
  bool Equals(const FileSystem& other) const override { return this == &other; }

  Result<arrow::fs::FileInfo> GetFileInfo(const std::string& path) override {
    return WithGil([&]() -> Result<arrow::fs::FileInfo> {
      const nb::object info = adapter_.Call("info", path);
      if (info.is_none()) return arrow::fs::FileInfo(path, arrow::fs::FileType::NotFound);
      return InfoFrom(info);
    });
  }
  Result<arrow::fs::FileInfoVector> GetFileInfo(const arrow::fs::FileSelector& select) override {
    return WithGil([&]() -> Result<arrow::fs::FileInfoVector> {
      arrow::fs::FileInfoVector infos;
      for (nb::handle info : adapter_.Call("list", select.base_dir, select.recursive)) infos.push_back(InfoFrom(info));
      return infos;
    });
  }
  Status CreateDir(const std::string& path, bool) override { return Do("create_directory", path); }
  Status DeleteDir(const std::string& path) override { return Do("remove_tree", path); }
  Status DeleteDirContents(const std::string&, bool) override { return NotNeeded(); }
  Status DeleteRootDirContents() override { return NotNeeded(); }
  Status DeleteFile(const std::string& path) override { return Do("remove", path); }
  Status Move(const std::string& from, const std::string& to) override {
    return WithGil([&] { return adapter_.Call("move", from, to), Status::OK(); });
  }
  Status CopyFile(const std::string&, const std::string&) override { return NotNeeded(); }
  Result<std::shared_ptr<arrow::io::InputStream>> OpenInputStream(const std::string& path) override { return OpenInputFile(path); }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(const std::string& path) override {
    return WithGil([&]() -> Result<std::shared_ptr<arrow::io::RandomAccessFile>> {
      auto [file, size] = nb::cast<std::pair<nb::object, int64_t>>(adapter_.Call("open", path));
      return std::make_shared<PythonInput>(std::move(file), path, size);
    });
  }
  Result<std::shared_ptr<arrow::io::OutputStream>> OpenOutputStream(const std::string& path, const std::shared_ptr<const arrow::KeyValueMetadata>&) override {
    return WithGil([&]() -> Result<std::shared_ptr<arrow::io::OutputStream>> { return std::make_shared<PythonOutput>(adapter_.Call("create", path)); });
  }
  Result<std::shared_ptr<arrow::io::OutputStream>> OpenAppendStream(const std::string&, const std::shared_ptr<const arrow::KeyValueMetadata>&) override { return NotNeeded(); }

 private:
  static Status NotNeeded() { return Status::NotImplemented("a file system of Python's does not do this for us"); }
  /// (path, whether it is a directory, bytes, seconds since the epoch when it changed or a negative number)
  static arrow::fs::FileInfo InfoFrom(nb::handle values) {
    const auto [path, is_directory, size, changed] = nb::cast<std::tuple<std::string, bool, int64_t, double>>(values);
    arrow::fs::FileInfo info(path, is_directory ? arrow::fs::FileType::Directory : arrow::fs::FileType::File);
    info.set_size(size);
    if (changed >= 0) info.set_mtime(arrow::fs::TimePoint(std::chrono::nanoseconds(static_cast<int64_t>(changed * 1e9))));
    return info;
  }
  Status Do(const char* method, const std::string& path) {
    return WithGil([&] { return adapter_.Call(method, path), Status::OK(); });
  }

  const PythonObject adapter_;
};

void AddPythonStore(const Engine& engine, std::string prefix, std::string inside, nb::object adapter) {
  auto store = std::make_shared<PythonStore>(std::move(adapter));
  Status status;
  {
    const ReleaseGil release;
    status = engine.env()->AddStore(std::move(prefix), std::move(inside), std::move(store));
  }
  RaiseIfFailed(status);
}

void AddNativeStore(const Engine& engine, std::string prefix, const std::string& kind, const StoreOptions& options) {
  Status status;
  {
    const ReleaseGil release;
    status = [&] {
      ARROW_ASSIGN_OR_RAISE(auto store, MakeNativeStore(kind, options));
      return engine.env()->AddStore(std::move(prefix), "", std::move(store));
    }();
  }
  RaiseIfFailed(status);
}

/// A file that Python reads.
class PyInput {
 public:
  PyInput(const Engine& engine, const std::string& path) {
    Status status;
    {
      const ReleaseGil release;
      status = Open(engine, path);
    }
    RaiseIfFailed(status);
  }
  int64_t size() const { return size_; }
  nb::bytes ReadAt(int64_t bytes, int64_t offset) const {
    Result<std::shared_ptr<arrow::Buffer>> read = nullptr;
    {
      const ReleaseGil release;
      read = file_->ReadAt(offset, bytes);
    }
    const auto buffer = ValueOrRaise(std::move(read));
    return nb::bytes(buffer->data(), static_cast<size_t>(buffer->size()));
  }

 private:
  Status Open(const Engine& engine, const std::string& path) {
    ARROW_RETURN_NOT_OK(engine.CheckAlive());
    ARROW_ASSIGN_OR_RAISE(file_, engine.env()->OpenForRead(path));
    return file_->GetSize().Value(&size_);
  }

  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  int64_t size_ = 0;
};

}  // namespace

void RegisterStores(nb::module_& module) {
  nb::class_<PyInput>(module, "Input")
      .def_prop_ro("size", &PyInput::size)
      .def("read_at", &PyInput::ReadAt, nb::arg("size"), nb::arg("offset"));
  module.def("open_input", [](const Engine& engine, const std::string& path) { return PyInput(engine, path); }, nb::arg("engine"), nb::arg("path"));
  module.def("add_python_store", &AddPythonStore, nb::arg("engine"), nb::arg("prefix"), nb::arg("inside"), nb::arg("adapter"));
  module.def("add_native_store", &AddNativeStore, nb::arg("engine"), nb::arg("prefix"), nb::arg("kind"), nb::arg("options"));
}

}  // namespace millstream
