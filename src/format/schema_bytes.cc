#include "format/schema_bytes.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

namespace millstream {

Status WriteSchema(const arrow::Schema& schema, ByteWriter* out) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, arrow::ipc::SerializeSchema(schema));
  out->String(std::string_view(*bytes));
  return Status::OK();
}

Result<std::shared_ptr<arrow::Schema>> ReadSchema(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, in->String());
  arrow::io::BufferReader stored(std::make_shared<arrow::Buffer>(bytes));
  arrow::ipc::DictionaryMemo memo;
  auto schema = arrow::ipc::ReadSchema(&stored, &memo);
  if (!schema.ok()) return in->Damaged();
  return schema;
}

}  // namespace millstream
