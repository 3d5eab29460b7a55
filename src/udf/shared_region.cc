#include "udf/shared_region.h"

#include <arrow/io/buffered.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "env/posix_error.h"

namespace millstream {
namespace {

constexpr int64_t kSmallWriteBytes = 64 << 10;  // that are put together
constexpr int32_t kAlignmentBytes = 64;
constexpr int kNestingMax = 256;
constexpr char kName[] = "millstream batches";  // as /proc shows it

/// Writes without mapping: pages that are new need not be cleared first.
class RegionOutput : public arrow::io::OutputStream {
 public:
  explicit RegionOutput(int descriptor) : descriptor_(descriptor) {}
  ~RegionOutput() override = default;
  using OutputStream::Write;

  Status Write(const void* data, int64_t bytes) override {
    const auto* next = static_cast<const char*>(data);
    const int64_t end = position_ + bytes;
    while (position_ < end) {
      const ssize_t written = pwrite(descriptor_, next, static_cast<size_t>(end - position_), position_);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return PosixError(errno, "Cannot write to memory that is shared with a worker process", kName);
      position_ += written;
      next += written;
    }
    return Status::OK();
  }
  Result<int64_t> Tell() const override { return position_; }
  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  const int descriptor_;
  int64_t position_ = 0;
  bool closed_ = false;
};

class MappedBuffer : public arrow::Buffer {
 public:
  MappedBuffer(void* begin, int64_t bytes) : Buffer(static_cast<const uint8_t*>(begin), bytes) {}
  ~MappedBuffer() override { munmap(const_cast<uint8_t*>(data()), static_cast<size_t>(size())); }
};

bool HoldsExtension(const arrow::DataType& type) {
  if (type.id() == arrow::Type::EXTENSION) return true;
  return std::any_of(type.fields().begin(), type.fields().end(), [](const auto& field) { return HoldsExtension(*field->type()); });
}

bool HoldsDictionaryOfExtension(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) return HoldsExtension(*static_cast<const arrow::DictionaryType&>(type).value_type());
  return std::any_of(type.fields().begin(), type.fields().end(), [](const auto& field) { return HoldsDictionaryOfExtension(*field->type()); });
}

Status CheckTypes(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) {
    if (!HoldsDictionaryOfExtension(*field->type())) continue;
    return MakeError(ErrorKind::kType, "column '" + field->name() + "' of type " + field->type()->ToString() +
                                           " cannot go to a worker process or come from one; make it no dictionary, or ask for processes=False");
  }
  return Status::OK();
}

Status WriteStreams(const RecordBatches& batches, arrow::io::OutputStream* out) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.alignment = kAlignmentBytes;
  options.max_recursion_depth = kNestingMax;
  options.use_threads = false;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  std::shared_ptr<arrow::Schema> schema;
  for (const auto& batch : batches) {
    if (schema == nullptr || !schema->Equals(*batch->schema(), /*check_metadata=*/true)) {
      if (writer != nullptr) ARROW_RETURN_NOT_OK(writer->Close());
      schema = batch->schema();
      ARROW_RETURN_NOT_OK(CheckTypes(*schema));
      ARROW_ASSIGN_OR_RAISE(writer, arrow::ipc::MakeStreamWriter(out, schema, options));
    }
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  }
  return writer == nullptr ? Status::OK() : writer->Close();
}

}  // namespace

Result<std::shared_ptr<SharedRegion>> SharedRegion::Make() {
  const int descriptor = memfd_create(kName, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return PosixError(errno, "Cannot make memory to share with a worker process", kName);
  auto region = Adopt(descriptor);
  if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK) != 0) return PosixError(errno, "Cannot keep shared memory from shrinking", kName);
  return region;
}

SharedRegion::~SharedRegion() { close(descriptor_); }

int64_t SharedRegion::size() const {
  struct stat found;
  return fstat(descriptor_, &found) == 0 ? found.st_size : 0;
}

Result<int64_t> SharedRegion::Write(const RecordBatches& batches) {
  auto unbuffered = std::make_shared<RegionOutput>(descriptor_);
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferedOutputStream::Create(kSmallWriteBytes, arrow::default_memory_pool(), std::move(unbuffered)));
  ARROW_RETURN_NOT_OK(WriteStreams(batches, out.get()));
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, out->Tell());
  ARROW_RETURN_NOT_OK(out->Close());
  return bytes;
}

Result<RecordBatches> SharedRegion::Read(int64_t bytes) {
  RecordBatches batches;
  if (bytes == 0) return batches;
  if (bytes < 0 || bytes > size()) return Status::Invalid("a worker process told of more bytes than there are");
  void* begin = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor_, 0);
  if (begin == MAP_FAILED) return PosixError(errno, "Cannot map memory that is shared with a worker process", kName);
  const auto mapping = std::make_shared<MappedBuffer>(begin, bytes);
  mapping_ = mapping;
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.max_recursion_depth = kNestingMax;
  options.use_threads = false;
  const auto input = std::make_shared<arrow::io::BufferReader>(mapping);
  for (int64_t position = 0; position < bytes;) {
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchStreamReader::Open(input, options));
    ARROW_ASSIGN_OR_RAISE(auto read, reader->ToRecordBatches());
    batches.insert(batches.end(), std::make_move_iterator(read.begin()), std::make_move_iterator(read.end()));
    ARROW_ASSIGN_OR_RAISE(position, input->Tell());
  }
  return batches;
}

}  // namespace millstream
