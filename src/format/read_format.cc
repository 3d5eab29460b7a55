#include "format/read_format.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

#include "format/binary/binary_format.h"
#include "format/csv/csv_format.h"
#include "format/json/json_format.h"
#include "format/path_columns.h"
#include "format/text/text_format.h"

namespace millstream {
namespace {

using Files = std::shared_ptr<const std::vector<ListedFile>>;

Result<std::shared_ptr<const FileFormat>> ReadPlainFormat(std::shared_ptr<Env> env, Files files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, in->String());
  if (reader == CsvFormat::kReader) return CsvFormat::Read(std::move(env), std::move(files), in);
  if (reader == JsonFormat::kReader) return JsonFormat::Read(std::move(env), std::move(files), in);
  if (reader == TextFormat::kReader) return TextFormat::Read(std::move(env), std::move(files), in);
  if (reader == BinaryFormat::kReader) return BinaryFormat::Read(std::move(env), std::move(files), in);
  return in->Damaged();
}

Status WriteValues(const arrow::RecordBatch& values, ByteWriter* out) {
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, values.schema()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(values));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  out->String(std::string_view(*buffer));
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ReadValues(size_t files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, in->String());
  // Arrow wants its buffers aligned, and they are to outlive the bytes.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> copy, arrow::AllocateBuffer(static_cast<int64_t>(bytes.size())));
  std::copy(bytes.begin(), bytes.end(), copy->mutable_data());
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(std::make_shared<arrow::io::BufferReader>(std::move(copy)));
  if (!reader.ok()) return in->Damaged();
  auto batch = (*reader)->Next();
  const bool whole = batch.ok() && *batch != nullptr && (*batch)->ValidateFull().ok() && (*batch)->num_rows() == static_cast<int64_t>(files);
  if (!whole) return in->Damaged();
  return batch;
}

}  // namespace

Status WriteFormat(const FileFormat& format, ByteWriter* out) {
  const auto* with_path = dynamic_cast<const PathColumns*>(&format);
  out->String(format.reader());
  ARROW_RETURN_NOT_OK(format.Write(out));
  out->Number<uint8_t>(with_path != nullptr);
  return with_path == nullptr ? Status::OK() : WriteValues(with_path->values(), out);
}

Result<std::shared_ptr<const FileFormat>> ReadFormat(std::shared_ptr<Env> env, Files files, ByteReader* in) {
  const size_t count = files->size();
  ARROW_ASSIGN_OR_RAISE(auto format, ReadPlainFormat(std::move(env), std::move(files), in));
  ARROW_ASSIGN_OR_RAISE(const auto with_path, in->Number<uint8_t>());
  if (with_path == 0) return format;
  ARROW_ASSIGN_OR_RAISE(auto values, ReadValues(count, in));
  return PathColumns::Make(std::move(format), std::move(values));
}

}  // namespace millstream
