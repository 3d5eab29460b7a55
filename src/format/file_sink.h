#pragma once
/// One file that is being written from its beginning to its end, compressed where that is asked for.

#include <arrow/io/interfaces.h>
#include <arrow/util/compression.h>

#include <memory>
#include <string>
#include <string_view>

#include "env/env.h"

namespace millstream {

class FileSink {
 public:
  /// Creates the file. The compressor's own memory is from `pool`, as far as its library lets it.
  static Result<std::unique_ptr<FileSink>> Create(Env& env, const std::string& path, arrow::Compression::type compression, arrow::MemoryPool* pool);
  /// Gives up what is not closed.
  ~FileSink();

  arrow::io::OutputStream* stream() { return compressed_ != nullptr ? compressed_.get() : file_.get(); }
  Status Write(std::string_view bytes) { return InFile(stream()->Write(bytes.data(), static_cast<int64_t>(bytes.size()))); }
  /// Writes what is in `buffer` and empties it.
  Status Flush(std::string* buffer) {
    ARROW_RETURN_NOT_OK(Write(*buffer));
    buffer->clear();
    return Status::OK();
  }
  /// Gives the bytes of the file.
  Result<int64_t> Close();
  /// The error, with the name of the file.
  Status InFile(const Status& status) const { return WithContext(status, "file " + path_); }
  const std::string& path() const { return path_; }

 private:
  FileSink(Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  Env& env_;
  const std::string path_;
  std::shared_ptr<arrow::io::OutputStream> file_;
  std::shared_ptr<arrow::io::OutputStream> compressed_;
};

}  // namespace millstream
