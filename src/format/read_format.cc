#include "format/read_format.h"

#include "format/binary/binary_format.h"
#include "format/csv/csv_format.h"
#include "format/forgiving_format.h"
#include "format/images/image_format.h"
#include "format/ipc/ipc_format.h"
#include "format/json/json_format.h"
#include "format/numpy/numpy_format.h"
#include "format/orc/orc_format.h"
#include "format/path_columns.h"
#include "format/text/text_format.h"
#include "format/tfrecord/tfrecord_format.h"

namespace millstream {
namespace {

using Files = std::shared_ptr<const std::vector<ListedFile>>;

Result<std::shared_ptr<const FileFormat>> ReadPlainFormat(std::shared_ptr<Env> env, Files files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, in->String());
  if (reader == CsvFormat::kReader) return CsvFormat::Read(std::move(env), std::move(files), in);
  if (reader == JsonFormat::kReader) return JsonFormat::Read(std::move(env), std::move(files), in);
  if (reader == IpcFormat::kReader) return IpcFormat::Read(std::move(env), std::move(files), in);
  if (reader == OrcFormat::kReader) return OrcFormat::Read(std::move(env), std::move(files), in);
  if (reader == NumpyFormat::kReader) return NumpyFormat::Read(std::move(env), std::move(files), in);
  if (reader == ImageFormat::kReader) return ImageFormat::Read(std::move(env), std::move(files), in);
  if (reader == TfRecordFormat::kReader) return TfRecordFormat::Read(std::move(env), std::move(files), in);
  if (reader == TextFormat::kReader) return TextFormat::Read(std::move(env), std::move(files), in);
  if (reader == BinaryFormat::kReader) return BinaryFormat::Read(std::move(env), std::move(files), in);
  return in->Damaged();
}

}  // namespace

Status WriteFormat(const FileFormat& format, ByteWriter* out) {
  ARROW_RETURN_NOT_OK(WriteBadData(format.bad_data(), out));
  const auto* forgiving = dynamic_cast<const ForgivingFormat*>(&format);
  const auto* with_path = dynamic_cast<const PathColumns*>(forgiving == nullptr ? &format : &forgiving->format());
  out->String(format.reader());
  ARROW_RETURN_NOT_OK(format.Write(out));
  return WriteValuesOfPaths(with_path == nullptr ? nullptr : &with_path->values(), out);
}

Result<std::shared_ptr<const FileFormat>> ReadFormat(std::shared_ptr<Env> env, Files files, ByteReader* in) {
  const size_t count = files->size();
  ARROW_ASSIGN_OR_RAISE(auto bad_data, ReadBadData(in));
  ARROW_ASSIGN_OR_RAISE(auto format, ReadPlainFormat(std::move(env), std::move(files), in));
  ARROW_ASSIGN_OR_RAISE(auto values, ReadValuesOfPaths(count, in));
  if (values != nullptr) {
    ARROW_ASSIGN_OR_RAISE(format, PathColumns::Make(std::move(format), std::move(values)));
  }
  if (bad_data == nullptr) return format;
  return std::make_shared<const ForgivingFormat>(std::move(format), std::move(*bad_data));
}

}  // namespace millstream
