#pragma once
/// A file that is read at positions: what reads on from a position of its own is made of that.

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include <memory>
#include <string>

#include "base/status.h"

namespace millstream {

/// Subclasses have ReadAt, GetSize, Close and closed.
class PositionalFile : public arrow::io::RandomAccessFile {
 public:
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

 protected:
  explicit PositionalFile(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  const std::string path_;  // for messages
  int64_t position_ = 0;
};

}  // namespace millstream
