#include "format/read_format.h"

#include "format/csv/csv_format.h"

namespace millstream {

Result<std::shared_ptr<const FileFormat>> ReadFormat(std::string_view reader, std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  if (reader == CsvFormat::kReader) return CsvFormat::Read(std::move(env), std::move(files), in);
  return in->Damaged();
}

}  // namespace millstream
