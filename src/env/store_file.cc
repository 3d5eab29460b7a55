#include "env/store_file.h"

#include <arrow/util/future.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string_view>
#include <utility>

#include "env/positional_file.h"

namespace millstream {
namespace {

constexpr int64_t kUnsentBytesMax = 32 << 20;
/// A reader that goes on where it was is given what comes next, as much as it has read in a row.
constexpr int64_t kAheadBytesMin = 1 << 20;
constexpr int64_t kAheadBytesMax = 8 << 20;

bool Has(const Status& status, std::string_view text) { return status.message().find(text) != std::string::npos; }

/// An object, read at positions into memory of the pool.
class StoreFile : public PositionalFile {
 public:
  StoreFile(std::shared_ptr<arrow::io::RandomAccessFile> object, std::string path, int64_t size, std::shared_ptr<ReadAhead> ahead, arrow::MemoryPool* pool)
      : PositionalFile(std::move(path)), object_(std::move(object)), size_(size), ahead_(std::move(ahead)), pool_(pool) {}

  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> GetSize() override { return size_; }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    const int64_t there = std::clamp<int64_t>(size_ - position, 0, bytes);
    if (there == 0) return 0;
    if (ahead_ != nullptr) {
      ReadOn(position, there);
      if (ahead_->Take(path(), position, there, static_cast<uint8_t*>(out))) return there;
    }
    auto read = object_->ReadAt(position, there, out);
    if (!read.ok()) return StoreError(read.status(), "read", path());
    return read;
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(std::clamp<int64_t>(size_ - position, 0, bytes), pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, buffer->size(), buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  // Arrow's own would go through its global pool of threads.
  arrow::Future<std::shared_ptr<arrow::Buffer>> ReadAsync(const arrow::io::IOContext&, int64_t position, int64_t bytes) override {
    return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(ReadAt(position, bytes));
  }

 private:
  /// Has what comes after these bytes fetched where others came right before them.
  void ReadOn(int64_t position, int64_t bytes) {
    const int64_t end = position + bytes;
    int64_t ahead_from, ahead_to;
    {
      std::lock_guard lock(mutex_);
      in_row_bytes_ = position == last_end_ ? in_row_bytes_ + bytes : 0;
      last_end_ = end;
      ahead_from = std::max(end, ahead_end_);
      ahead_to = std::min(size_, end + std::min(in_row_bytes_, kAheadBytesMax));
      if (in_row_bytes_ == 0 || ahead_to - ahead_from < std::min(kAheadBytesMin, size_ - ahead_from) || ahead_from >= ahead_to) return;
      ahead_end_ = ahead_to;
    }
    ahead_->WillRead(path(), {{ahead_from, ahead_to}});
  }

  const std::shared_ptr<arrow::io::RandomAccessFile> object_;
  const int64_t size_;
  const std::shared_ptr<ReadAhead> ahead_;
  arrow::MemoryPool* const pool_;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  // Guarded by mutex_:
  int64_t last_end_ = -1;      // of the read before
  int64_t in_row_bytes_ = 0;
  int64_t ahead_end_ = 0;
};

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

}  // namespace

Status StoreError(const Status& status, const char* what, const std::string& path) {
  const std::string message = std::string("Cannot ") + what + " '" + path + "': " + status.message();
  if (status.detail() != nullptr && KindOf(status) != ErrorKind::kOther) return MakeError(KindOf(status), message);
  const bool is_s3 = path.starts_with("s3");
  if (Has(status, "ACCESS_DENIED") || Has(status, "HTTP status 403") || Has(status, "INVALID_ACCESS_KEY_ID") || Has(status, "SIGNATURE_DOES_NOT_MATCH")) {
    return MakeError(ErrorKind::kPermission, message + "; check the credentials" + (is_s3 ? " (AWS_ACCESS_KEY_ID and the like)" : "") + " and what they may do");
  }
  if (Has(status, "NO_SUCH_BUCKET") || Has(status, "NO_SUCH_KEY") || Has(status, "RESOURCE_NOT_FOUND") || Has(status, "HTTP status 404") || Has(status, "Path does not exist")) {
    return MakeError(ErrorKind::kFileNotFound, message);
  }
  return MakeError(ErrorKind::kIo, message + (is_s3 ? "; check the network, AWS_REGION and AWS_ENDPOINT_URL" : "; check the network"));
}

std::shared_ptr<arrow::io::RandomAccessFile> OpenStoreFile(std::shared_ptr<arrow::io::RandomAccessFile> object, std::string path, int64_t size, std::shared_ptr<ReadAhead> ahead,
                                                           arrow::MemoryPool* pool) {
  return std::make_shared<StoreFile>(std::move(object), std::move(path), size, std::move(ahead), pool);
}

std::shared_ptr<arrow::io::OutputStream> CreateStoreFile(std::shared_ptr<arrow::io::OutputStream> object, std::string path) {
  return std::make_shared<StoreOutput>(std::move(object), std::move(path));
}

}  // namespace millstream
