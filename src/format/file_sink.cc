#include "format/file_sink.h"

#include <arrow/io/compressed.h>

namespace millstream {

Result<std::unique_ptr<FileSink>> FileSink::Create(Env& env, const std::string& path, arrow::Compression::type compression, arrow::MemoryPool* pool) {
  std::unique_ptr<FileSink> sink(new FileSink(env, path));
  ARROW_ASSIGN_OR_RAISE(sink->file_, env.CreateForWrite(path));
  if (compression != arrow::Compression::UNCOMPRESSED) {
    ARROW_ASSIGN_OR_RAISE(const auto codec, arrow::util::Codec::Create(compression));
    ARROW_ASSIGN_OR_RAISE(sink->compressed_, arrow::io::CompressedOutputStream::Make(codec.get(), sink->file_, pool));
  }
  return sink;
}

FileSink::~FileSink() {
  if (compressed_ != nullptr && !compressed_->closed()) (void)compressed_->Abort();
  if (file_ != nullptr && !file_->closed()) (void)file_->Abort();
}

Result<int64_t> FileSink::Close() {
  // Closes the file too; so do some libraries.
  if (compressed_ != nullptr) ARROW_RETURN_NOT_OK(InFile(compressed_->Close()));
  if (file_->closed()) {
    ARROW_ASSIGN_OR_RAISE(const FileEntry entry, env_.Stat(path_));
    return entry.size_bytes;
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, file_->Tell());
  ARROW_RETURN_NOT_OK(InFile(file_->Close()));
  return bytes;
}

}  // namespace millstream
