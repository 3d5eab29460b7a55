#include "format/binary/binary_format.h"

#include <arrow/array/array_binary.h>
#include <arrow/buffer.h>

#include <limits>

namespace millstream {

Result<std::shared_ptr<arrow::RecordBatchReader>> BinaryFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const ListedFile& listed = (*files_)[range.file];
  if (listed.size_bytes > std::numeric_limits<int32_t>::max()) {
    return MakeError(ErrorKind::kInvalidArgument, "file " + listed.path + " has " + std::to_string(listed.size_bytes) + " bytes, more than the 2 GB that a value of read_binary_files() can have");
  }
  ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*env_, listed, pool, "read_binary_files"));
  ARROW_ASSIGN_OR_RAISE(auto bytes, file->ReadAt(0, listed.size_bytes));
  if (bytes->size() != listed.size_bytes) {
    return MakeError(ErrorKind::kIo, "file " + listed.path + " ended at byte " + std::to_string(bytes->size()) + ", before its listed size");
  }
  const int32_t offsets[] = {0, static_cast<int32_t>(bytes->size())};
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> offset_buffer, arrow::AllocateBuffer(sizeof(offsets), pool));
  std::copy(std::begin(offsets), std::end(offsets), offset_buffer->mutable_data_as<int32_t>());
  auto column = std::make_shared<arrow::BinaryArray>(1, std::move(offset_buffer), std::move(bytes));
  return arrow::RecordBatchReader::Make({arrow::RecordBatch::Make(schema_, 1, {std::move(column)})}, schema_);
}

}  // namespace millstream
