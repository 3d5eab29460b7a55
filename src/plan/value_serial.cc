#include "plan/value_serial.h"

#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>

namespace millstream {
namespace {

constexpr int kNestingMax = 64;
/// A value that takes no bytes (a null, an empty struct) can claim any length; beyond this many for each stored bit it is damage.
constexpr int64_t kRowsPerByteMax = 8;

Status Damaged() { return MakeError(ErrorKind::kCorruptData, "a stored value of the serialised plan is damaged"); }

arrow::ipc::IpcWriteOptions WriteOptions() {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  options.max_recursion_depth = kNestingMax;
  return options;
}

arrow::ipc::IpcReadOptions ReadOptions() {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  options.max_recursion_depth = kNestingMax;
  return options;
}

Result<std::string> ToBytes(const std::shared_ptr<arrow::Schema>& schema, const std::shared_ptr<arrow::RecordBatch>& batch) {
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, schema, WriteOptions()));
  if (batch != nullptr) ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  return buffer->ToString();
}

}  // namespace

Result<StoredBatches> BatchesFromBytes(std::string_view bytes) {
  // Arrow's reader wants aligned buffers, so the bytes are copied; the batches keep the copy alive.
  auto stream = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::string(bytes)));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(stream, ReadOptions());
  if (!reader.ok()) return Damaged();
  StoredBatches out{(*reader)->schema(), {}};
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (!(*reader)->ReadNext(&batch).ok()) return Damaged();
    if (batch == nullptr) return out;
    if (!batch->ValidateFull().ok()) return Damaged();
    out.batches.push_back(std::move(batch));
  }
}

Result<std::string> TypeToBytes(const std::shared_ptr<arrow::DataType>& type) { return ToBytes(arrow::schema({arrow::field("", type)}), nullptr); }

Result<std::shared_ptr<arrow::DataType>> TypeFromBytes(std::string_view bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto stored, BatchesFromBytes(bytes));
  if (stored.schema->num_fields() != 1) return Damaged();
  return stored.schema->field(0)->type();
}

Result<std::string> ArrayToBytes(const std::shared_ptr<arrow::Array>& array) {
  auto schema = arrow::schema({arrow::field("", array->type())});
  return ToBytes(schema, arrow::RecordBatch::Make(schema, array->length(), {array}));
}

Result<std::shared_ptr<arrow::Array>> ArrayFromBytes(std::string_view bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto stored, BatchesFromBytes(bytes));
  if (stored.schema->num_fields() != 1 || stored.batches.size() != 1) return Damaged();
  const auto& array = stored.batches[0]->column(0);
  if (array->length() > static_cast<int64_t>(bytes.size()) * kRowsPerByteMax) return Damaged();
  return array;
}

}  // namespace millstream
